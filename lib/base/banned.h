/*
 * Functions that cannot be used safely, or that hide a failure. Included last
 * in every .c file, behind the system's headers; `make lint` checks that.
 */
#ifndef LIB_BASE_BANNED_H
#define LIB_BASE_BANNED_H

/* libc headers define some of these as macros */
#undef strcpy
#undef strncpy
#undef strcat
#undef strncat
#undef strtok
#undef strtok_r
#undef sprintf
#undef vsprintf
#undef atoi
#undef alloca
#undef system
#undef popen
#undef strerror

#pragma GCC poison strcpy strncpy strcat strncat stpcpy strtok strtok_r
#pragma GCC poison sprintf vsprintf gets atoi atol atoll atof alloca
#pragma GCC poison system popen tmpnam mktemp strerror asctime ctime
#pragma GCC poison gmtime localtime rand srand

#endif
