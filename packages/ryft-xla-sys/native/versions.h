// Version of the PJRT C API that the header describes, as constants that Python can read.
extern const int ryft_header_api_major;
extern const int ryft_header_api_minor;
