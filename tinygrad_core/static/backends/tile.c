/* A panel of a product of matrices, by tiles that stay in registers; T is the type of the numbers, NAME(f) its own f.

   A tile of C is ROWS by two vectors: one row of B times one column of A is added to it for each k. B is read as it lies
   where its rows are whole vectors, and is copied into rows of one vector elsewhere. In the code of a compiled graph sizes
   and steps are numbers, and the compiler writes out what is left of the loops; in product.c they are arguments. */
#ifndef INLINE
#include <stdint.h>
#include <string.h>
typedef int64_t I;
#define INLINE static inline __attribute__((always_inline))
#define LANES ((int)(BYTES / sizeof(T)))
#define WIDE (2 * LANES)
#define V NAME(vector)
#if defined(__AVX512F__)
enum { BYTES = 64, ROWS = 8 };
#elif defined(__AVX__)
enum { BYTES = 32, ROWS = 4 };
#else
enum { BYTES = 16, ROWS = 4 };
#endif
enum { DEEP = 320 };                                    /* rows of a panel of B: they stay in the nearest cache */
#endif

typedef T V __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));

/* One tile: m rows, two vectors wide or one, of which n columns are stored. The second vector lies `apart` from the first. */
INLINE void NAME(tile)(int m, int two, I K, const T *a, I ra, I ca, const T *b, I rb, I apart, T *c, I rc, I cc, I n, int add) {
  V s[ROWS][2];
  _Pragma("GCC unroll 8") for (int r = 0; r < m; r++) s[r][0] = s[r][1] = (V){0};
  for (I k = 0; k < K; k++, b += rb) {
    V left = *(const V *)b, right = {0};
    if (two) right = *(const V *)(b + apart);
    _Pragma("GCC unroll 8") for (int r = 0; r < m; r++) {
      T x = a[r * ra + k * ca];
      s[r][0] += x * left;
      if (two) s[r][1] += x * right;
    }
  }
  if (cc == 1 && n == (two ? WIDE : LANES)) {
    _Pragma("GCC unroll 8") for (int r = 0; r < m; r++) for (int h = 0; h <= two; h++) {
      V *to = (V *)(c + r * rc) + h;
      if (add) *to += s[r][h]; else *to = s[r][h];
    }
  } else {
    T t[ROWS][WIDE];
    memcpy(t, s, sizeof t);
    for (int r = 0; r < m; r++)
      if (cc == 1 && !add) memcpy(c + r * rc, t[r], n * sizeof(T));
      else for (I j = 0; j < n; j++) c[r * rc + j * cc] = (add ? c[r * rc + j * cc] : 0) + t[r][j];
  }
}

/* n columns of B, K rows, side by side in rows of a vector. What lies behind n is computed with, and not stored. */
static __attribute__((noinline)) void NAME(packed)(T *restrict to, const T *restrict b, I rb, I cb, I K, I n) {
  I k = 0;
  if (cb == 1 && n == LANES) for (; k < K; k++) memcpy(to + k * LANES, b + k * rb, BYTES);
  if (rb == 1 && n == LANES) for (; k + LANES <= K; k += LANES)       /* squares, which the compiler turns in registers */
    for (I h = 0; h < LANES; h++) for (I i = 0; i < LANES; i++) to[(k + h) * LANES + i] = b[k + h + i * cb];
  for (; k < K; k++) for (I j = 0; j < n; j++) to[k * LANES + j] = b[k * rb + j * cb];
}

/* A times n <= WIDE columns of B, which are copied to `room` where `pack` says so. Tiles of A lie `strip` apart. */
INLINE void NAME(panel)(I M, I K, const T *a, I strip, I ra, I ca, const T *b, I rb, I cb, T *c, I rc, I cc, I n, int add,
                        int pack, T *room) {
  I apart = LANES;
  if (pack) {
    apart = K * LANES;
    NAME(packed)(room, b, rb, cb, K, n < LANES ? n : LANES);
    if (n > LANES) NAME(packed)(room + apart, b + LANES * cb, rb, cb, K, n - LANES);
    b = room, rb = LANES;
  }
  /* Fewer than ROWS rows are left at the end; for the compiler's sake cases that never come have few rows, too. */
#define TILE(m, two) NAME(tile)(m, two, K, a, ra, ca, b, rb, apart, c, rc, cc, n, add)
#define CASE(m) case 2 * m: TILE(m % ROWS, 0); break; case 2 * m + 1: TILE(m % ROWS, 1); break;
  for (; M >= ROWS; M -= ROWS, a += strip, c += ROWS * rc) if (n > LANES) TILE(ROWS, 1); else TILE(ROWS, 0);
  switch (2 * M + (n > LANES)) { CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) }
#undef CASE
#undef TILE
}

/* A product whose sizes and steps are numbers where it stands. */
INLINE void NAME(all)(I M, I N, I K, const T *A, I ra, I ca, const T *B, I rb, I cb, T *C, I rc, I cc, int add) {
  T room[K * WIDE] __attribute__((aligned(64)));
  I j = 0, n = N % WIDE;
  for (; j + WIDE <= N; j += WIDE)
    NAME(panel)(M, K, A, ROWS * ra, ra, ca, B + j * cb, rb, cb, C + j * cc, rc, cc, WIDE, add, cb != 1, room);
  if (n) NAME(panel)(M, K, A, ROWS * ra, ra, ca, B + j * cb, rb, cb, C + j * cc, rc, cc, n, add, cb != 1 || n != LANES, room);
}

/* That, or the transposed product where it fills vectors better. */
INLINE void NAME(small)(I M, I N, I K, const T *A, I ra, I ca, const T *B, I rb, I cb, T *C, I rc, I cc, int add) {
  if (M * ((N + LANES - 1) / LANES) > N * ((M + LANES - 1) / LANES)) NAME(all)(N, M, K, B, cb, rb, A, ca, ra, C, cc, rc, add);
  else NAME(all)(M, N, K, A, ra, ca, B, rb, cb, C, rc, cc, add);
}
