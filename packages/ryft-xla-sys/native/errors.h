// Reading the payloads of a PJRT error, which the plugin hands to a callback one after the other.
#ifndef RYFT_ERRORS_H
#define RYFT_ERRORS_H

#ifdef RYFT_CFFI_DECLARATIONS
extern "Python" void ryft_error_payload(
    const char *key, size_t key_size, const char *value, size_t value_size, void *payloads);
#endif

#endif
