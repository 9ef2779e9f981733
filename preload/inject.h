/* SPDX-License-Identifier: MIT */
/* inject.h - included last by all injected code: what must not be called inside somebody else's process. */
#ifndef VMSC_INJECT_H
#define VMSC_INJECT_H

#define VMSC_EXPORT __attribute__((visibility("default")))

#pragma GCC poison malloc calloc realloc strdup strndup
#pragma GCC poison printf fprintf dprintf snprintf sprintf vsnprintf puts perror
#pragma GCC poison fopen fclose fread fwrite fgets getline opendir
#pragma GCC poison getenv setenv unsetenv secure_getenv atoi strtol strtoul
#pragma GCC poison pthread_mutex_lock pthread_once pthread_atfork sem_wait
#pragma GCC poison system popen waitpid

#endif
