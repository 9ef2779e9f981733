/* SPDX-License-Identifier: MIT */
/* OpenMP: a team of threads, again and again. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>

int main(void)
{
	long sum = 0;

	omp_set_dynamic(0);
	for (int round = 0; round < 20; round++) {
#pragma omp parallel for num_threads(8) reduction(+ : sum) schedule(dynamic)
		for (int i = 0; i < 200; i++) {
			char *block = malloc(i * 1000 + 1);

			block[0] = 1;
			sum += block[0] + i;
			free(block);
		}
	}
	printf("%ld\n", sum);
	return 0;
}
