/*
 * main() of a fuzz target where libFuzzer is not: gives the target each file
 * named on the command line, in an allocation of exactly its size so that the
 * address sanitizer sees a read one byte too far. The name is said before, so
 * that the last one said is the one that crashed or hung.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/base/banned.h"

/* a parser needs less for any input that is worth keeping */
#define SECONDS_PER_INPUT 10

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
replay(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = NULL;
	long size = -1;

	if (f != NULL && fseek(f, 0, SEEK_END) == 0)
		size = ftell(f);
	if (size < 0 || fseek(f, 0, SEEK_SET) != 0) {
		perror(path);
		exit(1);
	}
	data = malloc((size_t)size);
	if (size > 0 && fread(data, (size_t)size, 1, f) != 1) {
		perror(path);
		exit(1);
	}
	(void)fclose(f); /* only read */
	(void)alarm(SECONDS_PER_INPUT);
	(void)LLVMFuzzerTestOneInput(data, (size_t)size);
	free(data);
}

int
main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		printf("input %s\n", argv[i]);
		(void)fflush(stdout); /* lost output is noticed by the runner */
		replay(argv[i]);
	}
	printf("inputs %d\n", argc - 1);
	return 0;
}
