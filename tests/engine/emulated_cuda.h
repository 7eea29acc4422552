/* CUDA's words for a C++ compiler, so that generated kernels run on the CPU: blocks one after the other, a block's threads
   as fibers that change over where they wait for one another. What would hang a GPU, or let threads of a warp miss each
   other, is found out: every thread of the block (or warp) must come to the same barrier. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#define __global__
#define __device__
#define __shared__ static

enum { MOST = 1024, STACK = 1 << 16 };
struct Dim { volatile unsigned x; };
static Dim blockIdx, threadIdx, gridDim;
struct Barrier { unsigned arrived, phase; };
struct Fiber { ucontext_t context; int done; Barrier *waits; unsigned phase; };
static Fiber fibers[MOST];
static Barrier whole, warps[MOST / 32];
static ucontext_t scheduler;
static unsigned block_size;
static char slots[MOST][8];

static void wait_for(Barrier *b, unsigned count) {
  unsigned phase = b->phase, me = threadIdx.x;
  if (++b->arrived == count) { b->arrived = 0; b->phase++; return; }
  fibers[me].waits = b; fibers[me].phase = phase;
  swapcontext(&fibers[me].context, &scheduler);
}
static void __syncthreads() { wait_for(&whole, block_size); }
template <class T> static T __shfl_xor_sync(unsigned mask, T v, int m) {
  unsigned me = threadIdx.x;
  if (mask != 0xffffffffu) abort();
  memcpy(slots[me], &v, sizeof v);
  wait_for(&warps[me / 32], 32);
  T other; memcpy(&other, slots[me ^ m], sizeof v);
  wait_for(&warps[me / 32], 32);
  return other;
}

template <class F> struct Entry {
  static F *kernel;
  static void run() { (*kernel)(); fibers[threadIdx.x].done = 1; }
};
template <class F> F *Entry<F>::kernel;

/* 0, or 1 where threads wait for others that never come. */
template <class F> static int run_block(F &kernel) {
  static char *stacks = (char *)malloc((size_t)MOST * STACK);
  Entry<F>::kernel = &kernel;
  whole = Barrier(); memset(warps, 0, sizeof warps);
  for (unsigned t = 0; t < block_size; t++) {
    Fiber &f = fibers[t];
    getcontext(&f.context);
    f.context.uc_stack.ss_sp = stacks + (size_t)t * STACK; f.context.uc_stack.ss_size = STACK; f.context.uc_link = &scheduler;
    makecontext(&f.context, Entry<F>::run, 0);
    f.done = 0; f.waits = 0;
  }
  for (unsigned left = block_size; left;) {
    int moved = 0; left = 0;
    for (unsigned t = 0; t < block_size; t++) {
      Fiber &f = fibers[t];
      if (!f.done && (!f.waits || f.waits->phase != f.phase)) {
        f.waits = 0; moved = 1; threadIdx.x = t;
        swapcontext(&scheduler, &f.context);
      }
      left += !f.done;
    }
    if (left && !moved) return 1;
  }
  return 0;
}

template <class F> static int run_grid(unsigned blocks, unsigned threads, int meet, F kernel) {
  if (threads > MOST || threads % 32) return 2;
  gridDim.x = blocks; block_size = threads;
  for (unsigned b = 0; b < blocks; b++) {
    blockIdx.x = b;
    if (meet) {
      if (run_block(kernel)) return 1;
    } else for (unsigned t = 0; t < threads; t++) { threadIdx.x = t; kernel(); }
  }
  return 0;
}
