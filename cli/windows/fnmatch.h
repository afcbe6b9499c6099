// fnmatch.h: patterns of names as POSIX has them, without flags.
#ifndef EERIE_CLI_WINDOWS_FNMATCH_H_
#define EERIE_CLI_WINDOWS_FNMATCH_H_

#define FNM_NOMATCH 1

int fnmatch(const char *pattern, const char *text, int flags);

#endif // EERIE_CLI_WINDOWS_FNMATCH_H_
