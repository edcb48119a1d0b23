/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs a fuzz target over files, without libFuzzer: replay FOLDER|FILE...
 *
 * The corpora are part of the ordinary tests this way, with any compiler and sanitizer. Files are taken
 * in order of name. Prints "ok FOLDER (N files)"; a failure aborts, after the file's name on standard error.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/buf.h"

enum { FILE_BYTES_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Runs the target over one file; false when it cannot be read. */
static bool replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	struct buf content;
	char *exact;
	char part[4096];
	size_t n;

	if (file == NULL) {
		fprintf(stderr, "replay: %s cannot be read\n", path);
		return false;
	}
	fprintf(stderr, "%s\n", path);
	buf_init(&content, FILE_BYTES_MAX);
	while ((n = fread(part, 1, sizeof(part), file)) > 0)
		buf_add(&content, part, n);
	fclose(file);
	/* A block of just this size, so that a sanitizer sees what reads beyond it. */
	n = content.n;
	exact = malloc(n == 0 ? 1 : n);
	must(exact != NULL);
	mem_copy(exact, content.p, n);
	LLVMFuzzerTestOneInput((const uint8_t *)exact, n);
	free(exact);
	buf_release(&content);
	return true;
}

/* Runs the target over a folder's files; returns how many there were. */
static int replay_folder(const char *path)
{
	struct dirent **entries;
	int n = scandir(path, &entries, NULL, alphasort), files = 0;

	for (int i = 0; i < n; i++) {
		struct buf name;

		buf_init(&name, 4096);
		buf_fmt(&name, "%s/%s%c", path, entries[i]->d_name, '\0');
		if (entries[i]->d_name[0] != '.')
			files += replay_file(name.p);
		buf_release(&name);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
	return files;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		struct stat st;
		bool folder = stat(argv[i], &st) == 0 && S_ISDIR(st.st_mode);
		int files = folder ? replay_folder(argv[i]) : replay_file(argv[i]);

		printf("%s replay %s (%d files)\n", files > 0 ? "ok" : "not ok", argv[i], files);
		if (files == 0)
			return 1;
	}
	return 0;
}
