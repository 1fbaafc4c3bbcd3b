/* fma_loop [SECONDS]: what the processor can do at most. Every core of the process runs fused multiply-adds on registers alone; prints the single-precision GFLOP/s of all together. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifdef __AVX512F__
#define LANES 16
#else
#define LANES 8
#endif
/* Enough independent sums to hide the latency of an addition (4 cycles) at two per cycle, few enough for the registers. */
#define SUMS 12
#define ROUNDS 1000000L

typedef float vector __attribute__((vector_size(4 * LANES)));

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

struct core {
  pthread_t thread;
  double seconds, rate;
};

static void *run(void *argument) {
  struct core *core = argument;
  vector sums[SUMS], scale, shift;
  for (int i = 0; i < LANES; i++) scale[i] = 0.999f, shift[i] = 0.001f * i;
  for (int s = 0; s < SUMS; s++) sums[s] = shift + (float)s;
  double begin = now(), end;
  long rounds = 0;
  do {
    for (long r = 0; r < ROUNDS; r++) {
#pragma GCC unroll 12
      for (int s = 0; s < SUMS; s++) {
        sums[s] = sums[s] * scale + shift;
        __asm__ volatile("" : "+v"(sums[s])); /* Keeps it in a register, and in the loop. */
      }
    }
    rounds += ROUNDS;
    end = now();
  } while (end - begin < core->seconds);
  core->rate = 2.0 * LANES * SUMS * rounds / (end - begin);
  return NULL;
}

int main(int argc, char **argv) {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return perror("sched_getaffinity"), 1;
  int count = CPU_COUNT(&allowed);
  struct core *cores = calloc(count, sizeof *cores);
  if (cores == NULL) return perror("calloc"), 1;
  for (int c = 0; c < count; c++) {
    cores[c].seconds = argc > 1 ? atof(argv[1]) : 2;
    if (pthread_create(&cores[c].thread, NULL, run, &cores[c]) != 0) return perror("pthread_create"), 1;
  }
  double rate = 0;
  for (int c = 0; c < count; c++) {
    pthread_join(cores[c].thread, NULL);
    rate += cores[c].rate;
  }
  printf("%.1f\n", rate / 1e9);
  free(cores);
  return 0;
}
