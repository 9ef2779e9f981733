/* SPDX-License-Identifier: MIT */
/* writer.c - see writer.h. */
#include "writer.h"

#include <errno.h>
#include <string.h>

#include "arena.h"
#include "fdtable.h"
#include "sys.h"

#include "inject.h"

#define END_ROOM 256 /* kept free in every block, so that a last word is always possible */
#define AHEAD 65536 /* bytes of a block that are populated at once: cheaper than a fault for each page */

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

static struct vmsc_block *block = NULL; /* NULL: no trace */
static struct vmsc_record *reserved = NULL;
static uint32_t block_index = 0, used_before_end = 0, populated = 0;
static bool ended = false;

static void seal(void)
{
	block->crc = vmsc_crc32c(0, block + 1, block->used);
	__atomic_store_n(&block->sealed, 1, __ATOMIC_RELEASE);
}

/* Would growing the file to @size make the kernel send SIGXFSZ? */
static bool is_over_limit(uint64_t size)
{
	struct rlimit limit;

	return !sys_getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY && size > limit.rlim_cur;
}

/*
 * Space for the mapped part, where the file system sets none aside: a page that finds no block when it is written would be
 * SIGBUS in the program.
 */
static int fill_with_zeros(int fd, uint64_t offset, uint64_t size)
{
	static const char zeros[VMSC_PAGE_SIZE] = { 0 };
	uint64_t done = 0;
	long n = 0;

	while (done < size) {
		n = sys6(SYS_pwrite64, fd, (uintptr_t)zeros, VMSC_PAGE_SIZE, offset + done, 0, 0);
		if (n <= 0 && n != -EINTR)
			break;
		done += n > 0 ? n : 0;
	}
	if (done >= size)
		return 0;
	sys3(SYS_ftruncate, fd, offset, 0);
	return n ? n : -ENOSPC;
}

static int grow_file(int fd, uint64_t offset, uint64_t size)
{
	long err;

	if (vmsc_rec.options.limit && offset + size > vmsc_rec.options.limit + VMSC_TRACE_HEADER_SIZE)
		return -EOVERFLOW;
	if (is_over_limit(offset + size))
		return -EFBIG;
	err = sys6(SYS_fallocate, fd, 0, offset, size, 0, 0);
	if (err == -EOPNOTSUPP || err == -ENOSYS)
		err = fill_with_zeros(fd, offset, size);
	return err;
}

static long map_file(int fd, uint64_t at, size_t size, uint64_t offset)
{
	long addr = vmsc_arena_map(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);

	if (!sys_failed(addr))
		sys_madvise(at, size, MADV_DONTFORK);
	return addr;
}

/*
 * Maps the file's part at @offset where the block before lies. A program that has all the mappings it may have (or one more:
 * the kernel asks for "more than", before it looks what goes) leaves none to replace one: then the old one goes first.
 */
static long map_window(int fd, uint64_t offset)
{
	uint64_t window = vmsc_arena_base() + VMSC_OWN_WINDOW;
	long at = map_file(fd, window, VMSC_TRACE_BLOCK_SIZE, offset);

	if (at != -ENOMEM || !block)
		return at;
	block = NULL;
	sys_munmap(window, VMSC_TRACE_BLOCK_SIZE);
	return map_file(fd, window, VMSC_TRACE_BLOCK_SIZE, offset);
}

static int begin_block(uint32_t index)
{
	uint64_t offset = VMSC_TRACE_HEADER_SIZE + (uint64_t)index * VMSC_TRACE_BLOCK_SIZE;
	int fd = vmsc_fd_own(VMSC_OWN_FD_TRACE);
	long at;
	int err = grow_file(fd, offset, VMSC_TRACE_BLOCK_SIZE);

	if (err)
		return err;
	if (block)
		seal();
	at = map_window(fd, offset);
	if (sys_failed(at)) {
		block = NULL;
		__atomic_store_n(&vmsc_rec.header->ended, VMSC_ENDED_STOPPED, __ATOMIC_RELEASE); /* there is no END */
		return at;
	}
	block = (void *)at;
	populated = AHEAD; /* a short program's trace ends before that */
	block->index = index;
	block->first_call = vmsc_rec.header->calls + 1;
	__atomic_store_n(&block->magic, VMSC_BLOCK_MAGIC, __ATOMIC_RELEASE); /* last: who dies before it began no block */
	block_index = index;
	vmsc_rec.header->nr_blocks = index + 1;
	return 0;
}

int vmsc_writer_start(int fd)
{
	int err = grow_file(fd, 0, VMSC_TRACE_HEADER_SIZE);
	long at;

	if (err)
		return err;
	at = map_file(fd, vmsc_arena_base() + VMSC_OWN_HEADER, VMSC_TRACE_HEADER_SIZE, 0);
	if (sys_failed(at))
		return at;
	__atomic_store_n(&vmsc_rec.header, (void *)at, __ATOMIC_RELAXED);
	block = NULL;
	reserved = NULL;
	ended = false;
	return begin_block(0);
}

void vmsc_writer_forget(void)
{
	block = NULL;
	reserved = NULL;
	__atomic_store_n(&vmsc_rec.header, NULL, __ATOMIC_RELAXED);
	ended = false;
}

void vmsc_writer_stop(const char *why)
{
	if (block && !ended)
		vmsc_writer_end(VMSC_ENDED_STOPPED, 0, why);
	vmsc_rec.is_behind = true;
	vmsc_set_state(VMSC_STATE_STOPPED);
}

/* Where it can't be (before Linux 5.14), pages come by faults. */
static void populate(void)
{
	uint32_t size = VMSC_TRACE_BLOCK_SIZE - populated < AHEAD ? VMSC_TRACE_BLOCK_SIZE - populated : AHEAD;

	sys_madvise((uintptr_t)block + populated, size, MADV_POPULATE_WRITE);
	populated += AHEAD;
}

void *vmsc_writer_reserve(enum vmsc_record_type type, size_t size)
{
	size_t whole = vmsc_record_size(size, 0);
	int err = 0;

	if (!block || ended || whole > VMSC_RECORD_MAX)
		return NULL;
	if (sizeof(*block) + block->used + whole + END_ROOM > VMSC_TRACE_BLOCK_SIZE)
		err = begin_block(block_index + 1);
	if (err) {
		vmsc_writer_stop(err == -ENOSPC || err == -EDQUOT ? "no space left for the trace"
				 : err == -EFBIG                 ? "the trace reached the file size limit"
				 : err == -EOVERFLOW             ? "the trace reached VMASCOPE_LIMIT"
								 : "the trace could not be extended");
		return NULL;
	}
	if (block->used + whole > populated)
		populate();
	reserved = (void *)((char *)(block + 1) + block->used);
	memset(reserved, 0, whole);
	reserved->type = type;
	reserved->size = whole;
	return reserved;
}

void vmsc_writer_commit(void)
{
	const struct vmsc_record *record = reserved;

	reserved = NULL;
	if (!record)
		return;
	__atomic_store_n(&block->used, block->used + record->size, __ATOMIC_RELEASE);
	if (!vmsc_rec.replay)
		return;
	if (vmsc_replay_record(vmsc_rec.replay, record)) {
		vmsc_rec.replay = NULL;
		vmsc_problem("the live model ran out of memory");
	}
}

void vmsc_writer_put(enum vmsc_record_type type, uint16_t flags, const void *fixed, size_t fixed_size, const void *tail,
		     size_t tail_size)
{
	struct vmsc_record *record;

	if (fixed_size + tail_size > VMSC_RECORD_MAX - 8)
		tail_size = VMSC_RECORD_MAX - 8 - fixed_size;
	record = vmsc_writer_reserve(type, fixed_size + tail_size);
	if (!record)
		return;
	memcpy(record + 1, (const char *)fixed + sizeof(*record), fixed_size - sizeof(*record));
	if (tail_size)
		memcpy((char *)record + fixed_size, tail, tail_size);
	record->flags = flags;
	vmsc_writer_commit();
}

void vmsc_writer_string(enum vmsc_string what, const char *text, size_t length)
{
	struct vmsc_string_record record = { .what = what, .length = length };

	if (length > VMSC_RECORD_MAX - sizeof(record) - 8)
		record.length = VMSC_RECORD_MAX - sizeof(record) - 8;
	vmsc_writer_put(VMSC_RECORD_STRING, 0, &record, sizeof(record), text, record.length);
}

void vmsc_writer_end(enum vmsc_ended how, int status, const char *why)
{
	size_t length = why ? strlen(why) : 0;
	struct vmsc_end_record end = { .ended = how, .status = status };
	struct vmsc_record *record;

	if (!block || ended)
		return;
	used_before_end = block->used;
	record = (void *)((char *)(block + 1) + block->used);
	memset(record, 0, END_ROOM);
	end.calls = vmsc_rec.header->calls;
	end.lost = __atomic_load_n(&vmsc_rec.header->lost, __ATOMIC_RELAXED);
	end.length = length < END_ROOM - sizeof(end) - 8 ? length : 0;
	end.head.type = VMSC_RECORD_END;
	end.head.size = vmsc_record_size(sizeof(end), end.length);
	memcpy(record, &end, sizeof(end));
	if (end.length)
		memcpy((char *)record + sizeof(end), why, end.length);
	__atomic_store_n(&block->used, block->used + end.head.size, __ATOMIC_RELEASE);
	vmsc_rec.header->exit_status = status;
	__atomic_store_n(&vmsc_rec.header->ended, how, __ATOMIC_RELEASE);
	ended = true;
}

static uint64_t block_offset(void)
{
	return VMSC_TRACE_HEADER_SIZE + (uint64_t)block_index * VMSC_TRACE_BLOCK_SIZE;
}

/* A mode that somebody else gave it stays. */
static void change_mode(uint32_t from, uint32_t to)
{
	int fd = vmsc_fd_own(VMSC_OWN_FD_TRACE);
	struct stat about;

	if (!sys_fstat(fd, &about) && (about.st_mode & 07777) == from)
		sys3(SYS_fchmod, fd, to, 0);
}

void vmsc_writer_shrink(void)
{
	if (!block)
		return;
	sys3(SYS_ftruncate, vmsc_fd_own(VMSC_OWN_FD_TRACE), block_offset() + sizeof(*block) + block->used, 0);
	change_mode(VMSC_MODE_WRITING, VMSC_MODE_DONE);
}

void vmsc_writer_undo_end(void)
{
	if (!block || !ended)
		return;
	change_mode(VMSC_MODE_DONE, VMSC_MODE_WRITING);
	if (grow_file(vmsc_fd_own(VMSC_OWN_FD_TRACE), block_offset(), VMSC_TRACE_BLOCK_SIZE)) {
		block = NULL;
		vmsc_set_state(VMSC_STATE_STOPPED);
		return;
	}
	vmsc_rec.header->exit_status = 0;
	__atomic_store_n(&vmsc_rec.header->ended, VMSC_ENDED_NOT, __ATOMIC_RELEASE);
	__atomic_store_n(&block->used, used_before_end, __ATOMIC_RELEASE);
	ended = false;
}

void vmsc_writer_close(void)
{
	if (!block)
		return;
	seal();
	vmsc_writer_shrink();
	block = NULL;
}
