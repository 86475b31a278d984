/* The library's version, for the preprocessor and for the running program. */
#ifndef COTANGENT_VERSION_H
#define COTANGENT_VERSION_H

#define CT_VERSION_MAJOR 0
#define CT_VERSION_MINOR 1
#define CT_VERSION_PATCH 0
#define CT_VERSION "0.1.0"

/* What the shared library exports, as C, also where a C++ program declares it; everything else is hidden. */
#ifdef __cplusplus
#define CT_LINKAGE extern "C"
#else
#define CT_LINKAGE
#endif
#if defined(__GNUC__)
#define CT_API CT_LINKAGE __attribute__((visibility("default")))
#define CT_PRINTF(text, first) __attribute__((format(printf, text, first)))
#else
#define CT_API CT_LINKAGE
#define CT_PRINTF(text, first)
#endif

/* CT_VERSION of the library that is linked. */
CT_API const char *ct_version(void);

#endif
