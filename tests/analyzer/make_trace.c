/* SPDX-License-Identifier: MIT */
/*
 * make_trace IN.jsonl OUT.vmt: the trace that a recorder would have written, from its readable form. Golden
 * traces are kept as JSON Lines and made by this.
 */
#include <stdio.h>
#include <stdlib.h>

#include "input.h"
#include "say.h"

int main(int argc, char **argv)
{
	struct vmsc_input input;
	FILE *out;

	if (argc != 3) {
		vmsc_complain("usage: make_trace IN.jsonl OUT.vmt");
		return VMSC_EXIT_TROUBLE;
	}
	if (!vmsc_input_open(&input, argv[1]))
		return VMSC_EXIT_TROUBLE;
	out = fopen(argv[2], "wb");
	if (!out || fwrite(input.data, 1, input.size, out) != input.size || fclose(out)) {
		vmsc_complain("%s: can't write", argv[2]);
		return VMSC_EXIT_TROUBLE;
	}
	vmsc_input_close(&input);
	return VMSC_EXIT_GOOD;
}
