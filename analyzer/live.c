/* SPDX-License-Identifier: MIT */
#include "live.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "say.h"

#define ROOM ((size_t)1 << 38) /* the longest trace that can be followed */

bool vmsc_live_open(struct vmsc_live *live, const char *path)
{
	struct stat about;
	void *data;

	memset(live, 0, sizeof(*live));
	live->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (live->fd < 0)
		return false;
	if (fstat(live->fd, &about) || !S_ISREG(about.st_mode)) {
		close(live->fd);
		errno = EINVAL;
		return false;
	}
	data = mmap(NULL, ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (data == MAP_FAILED)
		vmsc_out_of_memory();
	live->data = data;
	return true;
}

void vmsc_live_close(struct vmsc_live *live)
{
	if (live->begun)
		vmsc_analysis_free(&live->analysis);
	munmap(live->data, ROOM);
	close(live->fd);
}

/* Reads [from, to) anew, or as much of it as there is. Returns where it ended. */
static size_t refresh(struct vmsc_live *live, size_t from, size_t to)
{
	ssize_t n;

	while (from < to) {
		n = pread(live->fd, live->data + from, to - from, (off_t)from);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		from += (size_t)n;
	}
	return from;
}

/* The header, and what may have been written since: the rest of the block that is being read, and the ones
 * after it. */
static void read_more(struct vmsc_live *live)
{
	size_t block = live->begun ? live->trace.block : VMSC_TRACE_HEADER_SIZE;
	struct stat about;
	size_t end;

	if (fstat(live->fd, &about) || about.st_size < 0)
		return;
	end = (size_t)about.st_size < ROOM ? (size_t)about.st_size : ROOM;
	refresh(live, 0, end < VMSC_TRACE_HEADER_SIZE ? end : VMSC_TRACE_HEADER_SIZE);
	if (end > block) /* not what was read: records of it are pointed to */
		end = refresh(live, block, end);
	live->size = live->trace.size = end;
}

static bool begin(struct vmsc_live *live)
{
	if (!live->begun && live->size >= VMSC_TRACE_HEADER_SIZE &&
	    !vmsc_trace_open(&live->trace, live->data, live->size)) {
		live->begun = true;
		vmsc_analysis_begin(&live->analysis, live->data);
	}
	return live->begun;
}

/* A walk that has come to the end of what is there goes on from where it was. */
static const struct vmsc_record *try_next(struct vmsc_live *live)
{
	struct vmsc_trace before = live->trace;
	const struct vmsc_record *record = vmsc_trace_next(&live->trace);

	if (!record)
		live->trace = before;
	return record;
}

const struct vmsc_record *vmsc_live_next(struct vmsc_live *live)
{
	const struct vmsc_record *record = live->begun ? try_next(live) : NULL;

	if (!record) {
		read_more(live);
		record = begin(live) ? try_next(live) : NULL;
	}
	if (record)
		vmsc_analysis_take(&live->analysis, record);
	return record;
}

bool vmsc_live_has_ended(const struct vmsc_live *live)
{
	if (!live->begun)
		return false;
	if (live->analysis.end || live->analysis.header->ended != VMSC_ENDED_NOT)
		return true;
	return kill((pid_t)live->analysis.header->pid, 0) && errno == ESRCH;
}
