/* Instead of libFuzzer: runs a target once on each file of its corpus, as one test in TAP. */
#include <dirent.h>
#include <errno.h>

#include "tests/fuzz/fuzz.h"

static int replay_file(const char *corpus, const char *name)
{
    char path[512];
    struct buf bytes = {0};
    FILE *in;
    size_t n = 0;
    uint8_t *exact;

    snprintf(path, sizeof path, "%s/%s", corpus, name);
    in = fopen(path, "rb");
    while (in && (n = fread(buf_reserve(&bytes, 4096), 1, 4096, in)) > 0)
        bytes.len += n;
    if (in == NULL || ferror(in) || fclose(in) != 0) {
        printf(": %s\n", strerror(errno));
        return -1;
    }
    exact = malloc(bytes.len); /* so that a read beyond it is seen */
    if (bytes.len > 0 && exact)
        memcpy(exact, bytes.data, bytes.len);
    LLVMFuzzerTestOneInput(exact, exact ? bytes.len : 0);
    free(exact);
    buf_free(&bytes);
    return 1;
}

/* How many files were run; -1 if one could not be read. */
static int replay(const char *corpus)
{
    DIR *dir = opendir(corpus);
    struct dirent *file;
    int count = 0, ran = 0;

    printf("# %s%s", corpus, dir ? ":" : " cannot be read");
    while (dir && ran >= 0 && (file = readdir(dir)) != NULL) {
        if (file->d_name[0] == '.')
            continue;
        printf(" %s", file->d_name); /* at a crash, the last one named is the culprit */
        ran = replay_file(corpus, file->d_name);
        count += ran;
    }
    printf("\n");
    if (dir)
        closedir(dir);
    return ran < 0 ? -1 : count;
}

/* The program is named fuzz-TARGET. */
int main(int argc, char **argv)
{
    const char *target = argc > 0 ? strrchr(argv[0], '-') : NULL;
    char corpus[256];
    int count;

    setvbuf(stdout, NULL, _IONBF, 0);
    snprintf(corpus, sizeof corpus, "tests/fuzz/corpus/%s", target ? target + 1 : "");
    printf("1..1\n");
    count = replay(corpus);
    printf("%s 1 - its properties hold on %d inputs\n", count > 0 ? "ok" : "not ok", count);
    return count > 0 ? 0 : 1;
}
