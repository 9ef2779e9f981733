/* SPDX-License-Identifier: MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#define FLAGS (O_WRONLY | O_CLOEXEC | O_NOCTTY)

static bool is_trusted(const struct stat *about)
{
	return about->st_uid == geteuid() || about->st_uid == 0;
}

/* /dev/stdout is a link, and root's; so a link is followed when root or we laid it. */
static bool may_follow(const char *path, bool *is_link)
{
	struct stat about;

	*is_link = !lstat(path, &about) && S_ISLNK(about.st_mode);
	return !*is_link || is_trusted(&about);
}

/* A plain file of ours with no second name, or something special that a trusted link led to or that is ours
 * or root's. */
static bool may_write(int fd, bool by_link)
{
	struct stat about;

	if (fstat(fd, &about))
		return false;
	if (!S_ISREG(about.st_mode))
		return by_link || is_trusted(&about);
	return about.st_uid == geteuid() && about.st_nlink <= 1 && !ftruncate(fd, 0);
}

static FILE *as_stream(int fd)
{
	FILE *out = fd < 0 ? NULL : fdopen(fd, "w");

	if (!out && fd >= 0)
		close(fd);
	return out;
}

FILE *vmsc_output_open(const char *path)
{
	bool is_link;
	int fd;

	if (!may_follow(path, &is_link)) {
		errno = EPERM;
		return NULL;
	}
	fd = open(path, FLAGS | O_CREAT | (is_link ? 0 : O_NOFOLLOW), 0600);
	if (fd >= 0 && !may_write(fd, is_link)) {
		close(fd);
		errno = EPERM;
		return NULL;
	}
	return as_stream(fd);
}

FILE *vmsc_output_create(const char *path)
{
	return as_stream(open(path, FLAGS | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
}

bool vmsc_output_is_special(const char *path)
{
	struct stat about;

	return !stat(path, &about) && !S_ISREG(about.st_mode);
}
