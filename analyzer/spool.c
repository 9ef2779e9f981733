/* SPDX-License-Identifier: MIT */
#include "spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "say.h"

#define SPOOL_IN_MEMORY ((size_t)64 << 20)

static const char *folder(void)
{
	const char *named = getenv("TMPDIR");

	return named && *named ? named : "/var/tmp";
}

/* Room on the disk, not a hole: where there is none a write into the mapping would be a SIGBUS. */
static void extend_file(int fd, size_t from, size_t to)
{
	int err = posix_fallocate(fd, (off_t)from, (off_t)(to - from));

	if (!err)
		return;
	vmsc_complain("%s: no room for %zu MiB of what is read: %s; set TMPDIR to a folder with more", folder(),
		      to >> 20, strerror(err));
	exit(vmsc_trouble_status());
}

static void *map_file(int fd, size_t room)
{
	void *data = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (data == MAP_FAILED)
		vmsc_out_of_memory();
	return data;
}

static void grow_file(struct vmsc_spool *spool, size_t room)
{
	extend_file(spool->fd, spool->room, room);
	munmap(spool->data, spool->room);
	spool->data = map_file(spool->fd, room);
}

static bool move_to_file(struct vmsc_spool *spool, size_t room)
{
	unsigned char *data;

	/* O_EXCL: nobody can give it a name */
	spool->fd = open(folder(), O_TMPFILE | O_EXCL | O_RDWR | O_CLOEXEC, 0600);
	if (spool->fd < 0)
		return false;
	extend_file(spool->fd, 0, room);
	data = map_file(spool->fd, room);
	if (spool->room)
		memcpy(data, spool->data, spool->room);
	free(spool->data);
	spool->data = data;
	spool->in_file = true;
	return true;
}

void vmsc_spool_grow(struct vmsc_spool *spool, size_t size)
{
	size_t room = size > 2 * spool->room ? size : 2 * spool->room;

	if (size <= spool->room)
		return;
	if (room > SPOOL_IN_MEMORY && room > size + SPOOL_IN_MEMORY)
		room = size + SPOOL_IN_MEMORY;
	if (spool->in_file)
		grow_file(spool, room);
	else if (room <= SPOOL_IN_MEMORY || !move_to_file(spool, room))
		spool->data = vmsc_grow(spool->data, room, 1);
	spool->room = room;
}

void vmsc_spool_free(struct vmsc_spool *spool)
{
	if (spool->in_file) {
		munmap(spool->data, spool->room);
		close(spool->fd);
	} else {
		free(spool->data);
	}
	memset(spool, 0, sizeof(*spool));
}
