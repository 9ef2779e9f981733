/* SPDX-License-Identifier: MIT */
/*
 * fuzz_lines.c - any text as JSON Lines. What is accepted is a sound trace; written out and read again it is
 * the same text.
 */
#include "fuzz.h"

#include "lines.h"

static bool has_no_end(const struct vmsc_trace *trace)
{
	return trace->truncated || !strncmp(trace->problem, "cut off: ", 9);
}

/* The lines of a trace in memory; the caller frees them. */
static char *write_lines(const struct vmsc_image *image, size_t *size)
{
	struct vmsc_trace trace;
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	REQUIRE(out, "no memory");
	REQUIRE(!vmsc_trace_open(&trace, image->bytes.data, image->size), "no trace was made");
	/* Lines may say in the first that there was an end, and have none. */
	if (!vmsc_lines_write(&trace, out))
		REQUIRE(has_no_end(&trace), trace.problem);
	fclose(out);
	return text;
}

/* The lines of @text once read. */
static char *rewrite(const char *text, size_t size, size_t *new_size)
{
	struct vmsc_image image;
	char *why = NULL, *written;

	if (!vmsc_lines_read(text, size, &image, &why)) {
		fprintf(stderr, "%s\n%s\n", why, text);
		REQUIRE(false, "what was written is not read");
	}
	written = write_lines(&image, new_size);
	vmsc_image_free(&image);
	return written;
}

static bool is_same(const char *a, size_t a_size, const char *b, size_t b_size)
{
	return a_size == b_size && !memcmp(a, b, a_size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vmsc_image image;
	char *why = NULL, *first, *second, *third = NULL;
	size_t first_size, second_size, third_size;

	if (!vmsc_lines_read((const char *)data, size, &image, &why)) {
		REQUIRE(why && !strncmp(why, "line ", 5), "refused without a word");
		free(why);
		return 0;
	}
	first = write_lines(&image, &first_size);
	vmsc_image_free(&image);
	second = rewrite(first, first_size, &second_size);
	/* What the first line defines may change places once. */
	if (!is_same(first, first_size, second, second_size)) {
		third = rewrite(second, second_size, &third_size);
		if (!is_same(second, second_size, third, third_size))
			fprintf(stderr, "%s\n%s\n", second, third);
		REQUIRE(is_same(second, second_size, third, third_size),
			"what was read again is written otherwise");
	}
	free(first);
	free(second);
	free(third);
	return 0;
}
