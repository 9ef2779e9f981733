/* SPDX-License-Identifier: MIT */
/*
 * fuzz_script.c - any text as the calls that `conform` makes. What is accepted is written as text that is
 * accepted too, and comes to the same.
 */
#include "fuzz.h"

#include "script.h"

#define STEPS_MAX 100 /* written three times; a run is to be short */

static char *write_steps(const struct vmsc_script *script, size_t *size)
{
	char *text = NULL;
	FILE *out = open_memstream(&text, size);

	REQUIRE(out, "no memory");
	vmsc_script_write(script, out);
	fclose(out);
	return text;
}

/* The text of what @text is read as; NULL: refused. */
static char *rewrite(const char *text, size_t size, size_t *new_size)
{
	struct vmsc_script script;
	char *why = NULL, *written = NULL;

	memset(&script, 0,
	       sizeof(script)); /* limits are the machine's otherwise, which the text may leave out */
	if (vmsc_script_read(&script, text, size, &why)) {
		REQUIRE(script.nr_begin <= script.nr, "more steps at the beginning than there are");
		for (size_t i = 0; i < script.nr && i < STEPS_MAX; i++)
			free(vmsc_step_to_text(&script.steps[i]));
		written = script.nr > STEPS_MAX ? calloc(1, 1) : write_steps(&script, new_size);
	} else {
		REQUIRE(why && !strncmp(why, "line ", 5), "refused without a word");
		free(why);
	}
	vmsc_script_free(&script);
	return written;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size ? size : 1), *first, *second = NULL, *third = NULL;
	size_t first_size = 0, second_size = 0, third_size = 0;

	REQUIRE(copy, "no memory");
	memcpy(copy, data, size); /* of its length to the byte */
	first = rewrite(copy, size, &first_size);
	free(copy);
	if (first && first_size) {
		second = rewrite(first, first_size, &second_size);
		REQUIRE(second, "what was written is not read");
		third = rewrite(second, second_size, &third_size);
		if (!third || second_size != third_size || memcmp(second, third, third_size))
			fprintf(stderr, "%s\n%s\n", second, third ? third : "refused");
		REQUIRE(third && second_size == third_size && !memcmp(second, third, third_size),
			"what was read again is written otherwise");
	}
	free(first);
	free(second);
	free(third);
	return 0;
}
