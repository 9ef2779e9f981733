/* SPDX-License-Identifier: MIT */
/*
 * blocks.h - a trace file as if it lay in memory, of which only a few blocks do: a trace of a day is larger
 * than memory. The bytes are copies: whoever writes into the file, or shortens it, meanwhile can't take away
 * what a reader has checked.
 */
#ifndef VMSC_ANALYZER_BLOCKS_H
#define VMSC_ANALYZER_BLOCKS_H

#include <stdbool.h>
#include <stddef.h>

#define VMSC_BLOCKS_LOADED 8

struct vmsc_blocks {
	int fd;
	unsigned char
		*data; /* every byte at its place; those of blocks that are not there can't be touched */
	size_t size;
	size_t loaded[VMSC_BLOCKS_LOADED]; /* offsets of blocks, 0: none */
	size_t next;			   /* of these, to be replaced */
	size_t walked; /* offset of the block that a walk is in: it and the one before stay */
	int error;     /* errno of a read that failed; its bytes are zeros */
	size_t error_at;
};

/* The header of the file of @size bytes is there then, and stays. Takes @fd over. False: errno. */
bool vmsc_blocks_open(struct vmsc_blocks *blocks, int fd, size_t size);
void vmsc_blocks_close(struct vmsc_blocks *blocks);

/* The walk enters the block at @offset. */
void vmsc_blocks_enter(struct vmsc_blocks *blocks, size_t offset);
/* The block in which @offset lies is there until another one is wanted. */
void vmsc_blocks_want(struct vmsc_blocks *blocks, size_t offset);

#endif
