#include "pjrt_c_api.h"
#include "versions.h"

const int ryft_header_api_major = PJRT_API_MAJOR;
const int ryft_header_api_minor = PJRT_API_MINOR;
