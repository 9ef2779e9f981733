/* SPDX-License-Identifier: MIT */
/*
 * bytes.c - the functions of <string.h> that injected code calls, or the compiler on its behalf. Behind
 * libc's names may be somebody else's: ThreadSanitizer's and MemorySanitizer's make system calls, wait, and
 * know nothing of our memory.
 */
#include <emmintrin.h>
#include <stdint.h>
#include <string.h>

#include "inject.h"

#ifndef __clang__
/* It makes a call of strlen() of the loop in strlen(). */
#pragma GCC optimize("no-tree-loop-distribute-patterns")
#endif

#define CHUNK 16
#define LONG_ENOUGH 512 /* for the processor's own copying to be worth its start */

static __m128i load(const char *from)
{
	return _mm_loadu_si128((const void *)from);
}

static void store(char *to, __m128i bytes)
{
	_mm_storeu_si128((void *)to, bytes);
}

/* In two pieces of one size, which may overlap, and are both read before either is written. */
#define COPY_TWO(type)                                                                                                 \
	do {                                                                                                           \
		type first, last;                                                                                      \
		__builtin_memcpy(&first, from, sizeof(type));                                                          \
		__builtin_memcpy(&last, from + size - sizeof(type), sizeof(type));                                     \
		__builtin_memcpy(to, &first, sizeof(type));                                                            \
		__builtin_memcpy(to + size - sizeof(type), &last, sizeof(type));                                       \
	} while (0)

static void copy_few(char *to, const char *from, size_t size)
{
	if (size >= 8)
		COPY_TWO(uint64_t);
	else if (size >= 4)
		COPY_TWO(uint32_t);
	else if (size >= 2)
		COPY_TWO(uint16_t);
	else if (size)
		*to = *from;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	char *at = to;
	const char *source = from;
	__m128i last;

	if (size < CHUNK) {
		copy_few(to, from, size);
		return to;
	}
	if (size >= LONG_ENOUGH) {
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(size) : : "memory");
		return to;
	}
	last = load(source + size - CHUNK);
	for (size_t done = 0; done + CHUNK < size; done += CHUNK)
		store(at + done, load(source + done));
	store(at + size - CHUNK, last);
	return to;
}

void *memmove(void *to, const void *from, size_t size)
{
	char *at = to;
	const char *source = from;

	if (size < CHUNK) {
		copy_few(to, from, size);
		return to;
	}
	/* Upwards nothing is written that is still to be read. */
	if ((uintptr_t)to - (uintptr_t)from >= size) {
		__asm__ volatile("rep movsb" : "+D"(at), "+S"(source), "+c"(size) : : "memory");
		return to;
	}
	while (size >= 8) {
		uint64_t word;

		size -= 8;
		__builtin_memcpy(&word, source + size, 8);
		__builtin_memcpy(at + size, &word, 8);
	}
	copy_few(at, source, size);
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	char *at = to;
	size_t done = 0;

	if (size >= LONG_ENOUGH) {
		__asm__ volatile("rep stosb" : "+D"(at), "+c"(size) : "a"(byte) : "memory");
		return to;
	}
	for (; done + CHUNK <= size; done += CHUNK)
		store(at + done, _mm_set1_epi8((char)byte));
	for (; done < size; done++)
		at[done] = (char)byte;
	return to;
}

int memcmp(const void *one, const void *other, size_t size)
{
	const char *a = one, *b = other;
	size_t at = 0;

	while (at + CHUNK <= size && _mm_movemask_epi8(_mm_cmpeq_epi8(load(a + at), load(b + at))) == 0xffff)
		at += CHUNK;
	for (; at < size; at++) {
		if (a[at] != b[at])
			return (unsigned char)a[at] - (unsigned char)b[at];
	}
	return 0;
}

void *memchr(const void *in, int byte, size_t size)
{
	const char *at = in;
	size_t done = 0;

	for (; done + CHUNK <= size; done += CHUNK) {
		int found = _mm_movemask_epi8(_mm_cmpeq_epi8(load(at + done), _mm_set1_epi8((char)byte)));

		if (found)
			return (char *)(uintptr_t)at + done + __builtin_ctz((unsigned int)found);
	}
	for (; done < size; done++) {
		if (at[done] == (char)byte)
			return (char *)(uintptr_t)at + done;
	}
	return NULL;
}

void *memmem(const void *in, size_t size, const void *wanted, size_t length)
{
	const char *at = in, *end = at + size;

	if (!length)
		return (void *)(uintptr_t)in;
	while ((size_t)(end - at) >= length) {
		at = memchr(at, *(const char *)wanted, (size_t)(end - at) - length + 1);
		if (!at)
			return NULL;
		if (!memcmp(at, wanted, length))
			return (void *)(uintptr_t)at;
		at++;
	}
	return NULL;
}

size_t strlen(const char *text)
{
	size_t length = 0;

	while (text[length])
		length++;
	return length;
}

size_t strnlen(const char *text, size_t most)
{
	size_t length = 0;

	while (length < most && text[length])
		length++;
	return length;
}

int strncmp(const char *one, const char *other, size_t most)
{
	for (size_t i = 0; i < most; i++) {
		if (one[i] != other[i] || !one[i])
			return (unsigned char)one[i] - (unsigned char)other[i];
	}
	return 0;
}

int strcmp(const char *one, const char *other)
{
	return strncmp(one, other, SIZE_MAX);
}

char *strchr(const char *text, int byte)
{
	for (;; text++) {
		if (*text == (char)byte)
			return (char *)(uintptr_t)text;
		if (!*text)
			return NULL;
	}
}

char *strrchr(const char *text, int byte)
{
	for (const char *at = text + strlen(text) + 1; at-- > text;) {
		if (*at == (char)byte)
			return (char *)(uintptr_t)at;
	}
	return NULL;
}

char *strstr(const char *text, const char *wanted)
{
	return memmem(text, strlen(text), wanted, strlen(wanted));
}

size_t strcspn(const char *text, const char *stops)
{
	size_t length = 0;

	while (text[length] && !strchr(stops, text[length]))
		length++;
	return length;
}
