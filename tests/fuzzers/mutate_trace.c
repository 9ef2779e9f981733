/* SPDX-License-Identifier: MIT */
/*
 * mutate_trace.c - mutations that know what a record is: whole records are doubled, moved and dropped, their
 * numbers made pages near each other. Bytes alone seldom make a sound record of another.
 */
#include "fuzz.h"

#include "vmascope/trace.h"

#define RECORDS_MAX 512

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

struct stream {
	uint8_t *data;
	size_t size, max_size, nr;
	size_t at[RECORDS_MAX + 1]; /* offsets; the last one is the end of the records */
	uint32_t state;
};

static uint32_t rand_below(struct stream *stream, size_t below)
{
	stream->state = stream->state * 1664525 + 1013904223;
	return (uint32_t)((stream->state >> 8) % (below ? below : 1));
}

static void find_records(struct stream *stream)
{
	struct vmsc_record head;
	size_t at = 0;

	stream->nr = 0;
	while (stream->nr < RECORDS_MAX && at + sizeof(head) <= stream->size) {
		memcpy(&head, stream->data + at, sizeof(head));
		if (head.size < sizeof(head) || head.size % 8 || head.size > stream->size - at)
			break;
		stream->at[stream->nr++] = at;
		at += head.size;
	}
	stream->at[stream->nr] = at;
}

/* A copy of one record before another. */
static void double_record(struct stream *stream)
{
	size_t from = rand_below(stream, stream->nr), to = stream->at[rand_below(stream, stream->nr + 1)];
	size_t size = stream->at[from + 1] - stream->at[from];
	uint8_t *copy;

	if (stream->size + size > stream->max_size)
		return;
	copy = malloc(size);
	memcpy(copy, stream->data + stream->at[from], size);
	memmove(stream->data + to + size, stream->data + to, stream->size - to);
	memcpy(stream->data + to, copy, size);
	free(copy);
	stream->size += size;
}

static void drop_record(struct stream *stream)
{
	size_t which = rand_below(stream, stream->nr), next = stream->at[which + 1];

	memmove(stream->data + stream->at[which], stream->data + next, stream->size - next);
	stream->size -= next - stream->at[which];
}

static uint64_t some_number(struct stream *stream, uint64_t old)
{
	static const uint64_t bases[] = {0x400000, 0x500000, 0x7ffff7ffd000, 0x7ffffffde000, 0x7f0000000000};
	uint64_t page = rand_below(stream, 12) * VMSC_PAGE_SIZE;

	switch (rand_below(stream, 8)) {
	case 0:
		return rand_below(stream, 32);
	case 1:
		return old ^ UINT64_C(1) << rand_below(stream, 64);
	case 2:
		return (uint64_t) - (int64_t)rand_below(stream, 40);
	case 3:
		return page;
	case 4:
		return old + page;
	case 5:
		return old - page;
	default:
		return bases[rand_below(stream, sizeof(bases) / sizeof(bases[0]))] + page;
	}
}

/* Another number in a record: 8, 4 or 2 bytes wide. */
static void change_number(struct stream *stream)
{
	size_t which = rand_below(stream, stream->nr), width = (size_t)2 << rand_below(stream, 3);
	size_t size = stream->at[which + 1] - stream->at[which];
	uint64_t number = 0;
	uint8_t *place;

	if (size < 16)
		return;
	place = stream->data + stream->at[which] + 8 + rand_below(stream, (size - 8) / width) * width;
	memcpy(&number, place, width);
	number = some_number(stream, number);
	memcpy(place, &number, width);
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	struct stream stream = {.data = data, .size = size, .max_size = max_size, .state = seed};

	for (uint32_t left = rand_below(&stream, 4) + 1; left; left--) {
		find_records(&stream);
		if (!stream.nr || !rand_below(&stream, 6)) {
			stream.size = LLVMFuzzerMutate(data, stream.size, max_size);
			continue;
		}
		switch (rand_below(&stream, 5)) {
		case 0:
			double_record(&stream);
			break;
		case 1:
			drop_record(&stream);
			break;
		default:
			change_number(&stream);
		}
	}
	return stream.size;
}
