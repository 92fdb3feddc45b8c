#include <stdio.h>
#include "foo/bar.h"
#define MAX 10
/* Adds. */
int add(int a, int b) { return a + b; }
static int hid(void) { return 0; }
struct point { int x; int y; };
typedef struct { int a; } thing;
typedef int (*cb)(int);
enum color { RED, GREEN = 2 };
extern int counter;
static int z;
char *name(const char *s, ...);
