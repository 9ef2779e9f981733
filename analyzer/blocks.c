/* SPDX-License-Identifier: MIT */
#include "blocks.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "say.h"
#include "vmascope/trace.h"

static void read_bytes(struct vmsc_blocks *blocks, size_t from, size_t to)
{
	while (from < to) {
		ssize_t n = pread(blocks->fd, blocks->data + from, to - from, (off_t)from);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && !blocks->error) {
			blocks->error = errno;
			blocks->error_at = from;
		}
		if (n <= 0)
			return;
		from += (size_t)n;
	}
}

static size_t end_of(const struct vmsc_blocks *blocks, size_t offset)
{
	return blocks->size - offset < VMSC_TRACE_BLOCK_SIZE ? blocks->size : offset + VMSC_TRACE_BLOCK_SIZE;
}

static void bring(struct vmsc_blocks *blocks, size_t from, size_t to)
{
	if (mprotect(blocks->data + from, to - from, PROT_READ | PROT_WRITE))
		vmsc_out_of_memory();
	read_bytes(blocks, from, to);
}

/* A mapping over it gives the memory back, and whoever still points there shall not read zeros. */
static void drop(struct vmsc_blocks *blocks, size_t offset)
{
	if (offset && mmap(blocks->data + offset, end_of(blocks, offset) - offset, PROT_NONE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0) == MAP_FAILED)
		vmsc_out_of_memory();
}

bool vmsc_blocks_open(struct vmsc_blocks *blocks, int fd, size_t size)
{
	void *data = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (data == MAP_FAILED)
		return false;
	*blocks = (struct vmsc_blocks){.fd = fd, .data = data, .size = size};
	bring(blocks, 0, size < VMSC_TRACE_HEADER_SIZE ? size : VMSC_TRACE_HEADER_SIZE);
	return true;
}

void vmsc_blocks_close(struct vmsc_blocks *blocks)
{
	munmap(blocks->data, blocks->size);
	close(blocks->fd);
}

static bool is_walked(const struct vmsc_blocks *blocks, size_t offset)
{
	return offset && (offset == blocks->walked || offset + VMSC_TRACE_BLOCK_SIZE == blocks->walked);
}

static size_t block_of(size_t offset)
{
	return offset - (offset - VMSC_TRACE_HEADER_SIZE) % VMSC_TRACE_BLOCK_SIZE;
}

void vmsc_blocks_want(struct vmsc_blocks *blocks, size_t offset)
{
	size_t block, i;

	if (offset < VMSC_TRACE_HEADER_SIZE || offset >= blocks->size)
		return;
	block = block_of(offset);
	for (i = 0; i < VMSC_BLOCKS_LOADED; i++)
		if (blocks->loaded[i] == block)
			return;
	do
		i = blocks->next++ % VMSC_BLOCKS_LOADED;
	while (is_walked(blocks, blocks->loaded[i]));
	drop(blocks, blocks->loaded[i]);
	blocks->loaded[i] = block;
	bring(blocks, block, end_of(blocks, block));
}

void vmsc_blocks_enter(struct vmsc_blocks *blocks, size_t offset)
{
	blocks->walked = offset;
	vmsc_blocks_want(blocks, offset);
}
