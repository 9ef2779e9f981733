/* SPDX-License-Identifier: MIT */
#include "image.h"

#include <string.h>

static struct vmsc_trace_header *header_of(struct vmsc_image *image)
{
	return (struct vmsc_trace_header *)(void *)image->bytes.data;
}

static struct vmsc_block *block_of(struct vmsc_image *image)
{
	return (struct vmsc_block *)(void *)(image->bytes.data + image->block);
}

/* A few calls are to cost no whole block, so the last one is only as long as it must be. */
static void extend(struct vmsc_image *image, size_t size)
{
	vmsc_spool_grow(&image->bytes, size);
	memset(image->bytes.data + image->size, 0, size - image->size);
	image->size = size;
}

static void add_block(struct vmsc_image *image)
{
	image->block = VMSC_TRACE_HEADER_SIZE + (size_t)header_of(image)->nr_blocks * VMSC_TRACE_BLOCK_SIZE;
	extend(image, image->block + sizeof(struct vmsc_block));
	block_of(image)->magic = VMSC_BLOCK_MAGIC;
	block_of(image)->index = header_of(image)->nr_blocks++;
	block_of(image)->first_call = image->calls + 1;
}

static void seal_block(struct vmsc_image *image)
{
	struct vmsc_block *block = block_of(image);

	block->crc = vmsc_crc32c(0, block + 1, block->used);
	block->sealed = 1;
}

void vmsc_image_begin(struct vmsc_image *image, const struct vmsc_trace_header *header)
{
	struct vmsc_trace_header *mine;

	memset(image, 0, sizeof(*image));
	extend(image, VMSC_TRACE_HEADER_SIZE);
	mine = header_of(image);
	*mine = *header;
	memcpy(mine->magic, VMSC_TRACE_MAGIC, sizeof(mine->magic));
	mine->version = VMSC_TRACE_VERSION;
	mine->header_size = VMSC_TRACE_HEADER_SIZE;
	mine->endian = VMSC_TRACE_ENDIAN;
	mine->block_size = VMSC_TRACE_BLOCK_SIZE;
	mine->page_size = VMSC_PAGE_SIZE;
	mine->nr_blocks = 0;
	add_block(image);
}

bool vmsc_image_add(struct vmsc_image *image, const void *record, size_t fixed, const void *tail,
		    size_t length)
{
	size_t size = vmsc_record_size(fixed, length);
	struct vmsc_record *head;

	if (length > VMSC_RECORD_MAX || size > VMSC_RECORD_MAX)
		return false;
	if (sizeof(struct vmsc_block) + block_of(image)->used + size > VMSC_TRACE_BLOCK_SIZE) {
		seal_block(image);
		add_block(image);
	}
	extend(image, image->size + size);
	head = (struct vmsc_record *)(void *)(image->bytes.data + image->size - size);
	memcpy(head, record, fixed);
	if (length)
		memcpy((unsigned char *)head + fixed, tail, length);
	head->size = (uint32_t)size;
	block_of(image)->used += (uint32_t)size;
	image->calls += head->type == VMSC_RECORD_CALL;
	image->ended |= head->type == VMSC_RECORD_END;
	return true;
}

void vmsc_image_finish(struct vmsc_image *image)
{
	struct vmsc_trace_header *header = header_of(image);

	if (image->ended)
		seal_block(image);
	header->calls = image->calls;
	header->crc = vmsc_crc32c(0, header, offsetof(struct vmsc_trace_header, crc));
}

void vmsc_image_free(struct vmsc_image *image)
{
	vmsc_spool_free(&image->bytes);
}
