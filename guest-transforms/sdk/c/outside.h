// What a rule does not have: clock, random numbers, files. A call of it does not compile, and the
// compiler's sentence says what to do.

#pragma once

#define GM_REFUSED(why) __attribute__((diagnose_if(1, why, "error")))
#define GM_NO_CLOCK                                                                               \
    GM_REFUSED("a rule has no clock, so that the same row gives the same answer tomorrow: take "  \
               "the time from a column of the row, or from the config")
#define GM_NO_RANDOM                                                                              \
    GM_REFUSED("a rule has no random numbers, so that the same row gives the same answer again: " \
               "take them from a hash of the row")
#define GM_NO_FILES                                                                               \
    GM_REFUSED("a rule has no files, no environment and no other programs: put the data into "    \
               "the config, or into a dimension that it joins")

#define GM_NO_STREAMS \
    GM_REFUSED("a rule has no streams: printf, puts and putchar write to gristmill's log")
#define GM_NO_EXIT \
    GM_REFUSED("a rule cannot end the program: answer gm_reject(..) for a row that is of no use")

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <fcntl.h>
#include <sys/time.h>

GM_NO_CLOCK time_t time(time_t *);
GM_NO_CLOCK int clock_gettime(clockid_t, struct timespec *);
GM_NO_CLOCK int timespec_get(struct timespec *, int);
GM_NO_CLOCK int gettimeofday(struct timeval *restrict, void *restrict);
GM_NO_CLOCK clock_t clock(void);
GM_NO_CLOCK int nanosleep(const struct timespec *, struct timespec *);
GM_NO_CLOCK unsigned sleep(unsigned);
GM_NO_CLOCK int usleep(unsigned);

GM_NO_RANDOM int rand(void);
GM_NO_RANDOM long random(void);
GM_NO_RANDOM void srand(unsigned);
GM_NO_RANDOM void srandom(unsigned);
GM_NO_RANDOM double drand48(void);
GM_NO_RANDOM long lrand48(void);
GM_NO_RANDOM long mrand48(void);
GM_NO_RANDOM void srand48(long);
GM_NO_RANDOM int getentropy(void *, size_t);

GM_NO_FILES FILE *fopen(const char *restrict, const char *restrict);
GM_NO_FILES int open(const char *, int, ...);
GM_NO_FILES ssize_t read(int, void *, size_t);
GM_NO_FILES char *getenv(const char *);
GM_NO_FILES int scanf(const char *restrict, ...);
GM_NO_FILES int getchar(void);
GM_NO_FILES char *fgets(char *restrict, int, FILE *restrict);

GM_NO_STREAMS int fprintf(FILE *restrict, const char *restrict, ...);
GM_NO_STREAMS int fputs(const char *restrict, FILE *restrict);
GM_NO_STREAMS int fputc(int, FILE *);
GM_NO_STREAMS int putc(int, FILE *);
GM_NO_STREAMS size_t fwrite(const void *restrict, size_t, size_t, FILE *restrict);
GM_NO_STREAMS int fflush(FILE *);
GM_NO_STREAMS void perror(const char *);

GM_NO_EXIT _Noreturn void exit(int);
