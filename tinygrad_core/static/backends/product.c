/* Products of matrices by rows: C (M, N) = A (M, K) B (K, N), or added to C; ta and tb say that a factor lies transposed.

   On processors with vectors of 64 bytes this is our own loop, compiled for the machine; on others it is BLAS. The loop is
   Goto's ("Anatomy of high-performance matrix multiplication", Goto and van de Geijn, 2008): a tile of C, ROWS by two
   vectors, stays in registers while one row of B times one column of A is added to it for each k. B is laid out in panels
   as wide as a tile, so that the loop reads it in one run from the nearest cache, and A in strips of ROWS rows where it lies
   transposed. The file includes itself, once for each type. */
#ifndef T
#include <stdint.h>
#include <string.h>
#include <unistd.h>
typedef int64_t I;
#define JOIN2(a, b) a##b
#define JOIN(a, b) JOIN2(a, b)
#ifdef __AVX512F__
#include <immintrin.h>
#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_max_threads() 1
#endif
enum { BYTES = 64, ROWS = 8, DEEP = 320, TALL = 256, WORTH = 1 << 21 };     /* WORTH: products that pay for a thread */
static pid_t owner;                                     /* a forked child has no threads left to share the work with */
__attribute__((constructor)) static void loaded(void) { owner = getpid(); }
int own = 1;
#else
int own = 0;
#endif

#define T float
#define NAME(f) JOIN(s, f)
#define PERMUTED(a, way, b) (V)_mm512_permutex2var_ps((__m512)(a), (__m512i)(way), (__m512)(b))
#define INDEX int32_t
#include __FILE__
#undef T
#undef NAME
#undef PERMUTED
#undef INDEX
#define T double
#define NAME(f) JOIN(d, f)
#define PERMUTED(a, way, b) (V)_mm512_permutex2var_pd((__m512d)(a), (__m512i)(way), (__m512d)(b))
#define INDEX int64_t
#include __FILE__

#else
#ifdef __AVX512F__
#define V NAME(vector)
#define LANES ((int)(BYTES / sizeof(T)))
#define WIDE (2 * LANES)
typedef T V __attribute__((vector_size(BYTES), aligned(sizeof(T)), may_alias));
typedef INDEX NAME(indices) __attribute__((vector_size(BYTES)));

/* One tile: m rows, two vectors wide or one, of which n columns are stored. m and two are known when this is compiled. */
static inline __attribute__((always_inline)) void NAME(tile)(int m, int two, I K, const T *a, I ra, I ca, const T *b, I rb,
                                                             T *c, I ldc, I n, int add) {
  V s[ROWS][2];
  _Pragma("GCC unroll 8") for (int r = 0; r < m; r++) s[r][0] = s[r][1] = (V){0};
  for (I k = 0; k < K; k++, b += rb) {
    V left = *(const V *)b, right = {0};
    if (two) right = *(const V *)(b + LANES);
    _Pragma("GCC unroll 8") for (int r = 0; r < m; r++) {
      T x = a[r * ra + k * ca];
      s[r][0] += x * left;
      if (two) s[r][1] += x * right;
    }
  }
  _Pragma("GCC unroll 8") for (int r = 0; r < m; r++, c += ldc) {
    if (n == (two ? WIDE : LANES)) for (int h = 0; h <= two; h++) if (add) ((V *)c)[h] += s[r][h]; else ((V *)c)[h] = s[r][h];
    else for (I j = 0; j < n; j++) c[j] = (add ? c[j] : 0) + s[r][j / LANES][j % LANES];
  }
}

static void NAME(tiles)(I m, I K, const T *a, I ra, I ca, const T *b, I rb, T *c, I ldc, I n, int add) {
#define CASE(m, two) case 2 * m + two: NAME(tile)(m, two, K, a, ra, ca, b, rb, c, ldc, n, add); break;
#define BOTH(m) CASE(m, 0) CASE(m, 1)
  switch (2 * m + (n > LANES)) { BOTH(1) BOTH(2) BOTH(3) BOTH(4) BOTH(5) BOTH(6) BOTH(7) BOTH(8) }
#undef CASE
#undef BOTH
}

/* A square of a transposed panel: LANES vectors whose halves, quarters, ... change places. */
static inline void NAME(square)(T *restrict to, I wide, const T *restrict b, I ld) {
  V x[LANES];
  _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) x[i] = *(const V *)(b + i * ld);
  _Pragma("GCC unroll 4") for (int half = LANES / 2; half; half /= 2) {
    NAME(indices) low, high;
    _Pragma("GCC unroll 16") for (int l = 0; l < LANES; l++) {
      low[l] = l & half ? l - half + LANES : l;
      high[l] = l & half ? l + LANES : l + half;
    }
    _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) if (!(i & half)) {
      V upper = x[i], lower = x[i + half];
      x[i] = PERMUTED(upper, low, lower), x[i + half] = PERMUTED(upper, high, lower);
    }
  }
  _Pragma("GCC unroll 16") for (int i = 0; i < LANES; i++) *(V *)(to + i * wide) = x[i];
}

/* A panel of B, K rows and n columns, laid out in rows of `wide`; what lies behind n is computed with, and not stored. */
static void NAME(panel)(T *restrict to, I wide, const T *restrict b, I rb, I cb, I K, I n) {
  if (cb == 1 && n == WIDE) { for (I k = 0; k < K; k++) memcpy(to + k * WIDE, b + k * rb, sizeof(T) * WIDE); return; }
  I k0 = rb == 1 ? K / LANES * LANES : 0, j0 = n / LANES * LANES;
  if (rb == 1) for (I j = 0; j < j0; j += LANES) for (I k = 0; k < k0; k += LANES)
    NAME(square)(to + k * wide + j, wide, b + k + j * cb, cb);
  for (I k = 0; k < K; k++) for (I j = k < k0 ? j0 : 0; j < n; j++) to[k * wide + j] = b[k * rb + j * cb];
}

/* A matrix times a vector. */
static void NAME(vector_product)(I M, I K, const T *restrict a, I ra, I ca, const T *restrict b, I rb, T *restrict c, I rc,
                                 int add) {
  if (ca == 1) for (I i = 0; i < M; i++) {
    T s = 0;
    for (I k = 0; k < K; k++) s += a[i * ra + k] * b[k * rb];
    c[i * rc] = add ? c[i * rc] + s : s;
  } else {
    if (!add) for (I i = 0; i < M; i++) c[i * rc] = 0;
    for (I k = 0; k < K; k++) for (I i = 0; i < M; i++) c[i * rc] += a[i * ra + k * ca] * b[k * rb];
  }
}

void NAME(product)(int ta, int tb, int M, int N, int K, const T *A, int lda, const T *B, int ldb, int add, T *C, int ldc) {
  I ra = ta ? 1 : lda, ca = ta ? lda : 1, rb = tb ? 1 : ldb, cb = tb ? ldb : 1;
  if (N == 1) { NAME(vector_product)(M, K, A, ra, ca, B, rb, C, ldc, add); return; }
  if (M == 1) { NAME(vector_product)(N, K, B, cb, rb, A, ca, C, 1, add); return; }
  I blocks = (K + DEEP - 1) / DEEP, deep = (K + blocks - 1) / blocks, panels = (N + WIDE - 1) / WIDE;
  I most = (I)M * N * K / WORTH, threads = most < panels ? most : panels;
  if (threads > 1 && threads > omp_get_max_threads()) threads = omp_get_max_threads();
  if (threads < 1 || (threads > 1 && getpid() != owner)) threads = 1;
  static __thread T strips[TALL * DEEP] __attribute__((aligned(64)));
  for (I k = 0; k < K; k += deep) for (I i = 0; i < M; i += TALL) {
    I depth = K - k < deep ? K - k : deep, height = M - i < TALL ? M - i : TALL;
    const T *a = A + i * ra + k * ca;
    I strip = ra, row = ra, column = ca;                /* from strip to strip, from row to row, from column to column */
    if (ta && panels > 1) {
      T *to = strips;
      for (I h = 0; h < height; h += ROWS) for (I d = 0; d < depth; d++, to += ROWS)
        if (height - h >= ROWS) memcpy(to, a + h + d * ca, sizeof(T) * ROWS);
        else for (I r = 0; r < height - h; r++) to[r] = a[h + r + d * ca];
      a = strips, strip = depth, row = 1, column = ROWS;
    }
    _Pragma("omp parallel for if(threads > 1) num_threads(threads) schedule(dynamic)")
    for (I p = 0; p < panels; p++) {
      static __thread T room[DEEP * WIDE] __attribute__((aligned(64)));
      I j = p * WIDE, n = N - j < WIDE ? N - j : WIDE, step = rb, wide = n > LANES ? WIDE : LANES;
      const T *b = B + k * rb + j * cb;
      if (tb || n < WIDE || height > 2 * ROWS) NAME(panel)(room, wide, b, rb, cb, depth, n), b = room, step = wide;
      for (I h = 0; h < height; h += ROWS)
        NAME(tiles)(height - h < ROWS ? height - h : ROWS, depth, a + h * strip, row, column, b, step,
                    C + (i + h) * ldc + j, ldc, n, add || k > 0);
    }
  }
}
#undef V
#undef LANES
#undef WIDE
#else
static void (*NAME(gemm))(char *, char *, int *, int *, int *, T *, const T *, int *, const T *, int *, T *, T *, int *);
void NAME(use)(void *gemm) { NAME(gemm) = gemm; }
/* Fortran's matrices are columns first, so the factors change places. */
void NAME(product)(int ta, int tb, int M, int N, int K, const T *A, int lda, const T *B, int ldb, int add, T *C, int ldc) {
  T one = 1, beta = add != 0;
  NAME(gemm)(tb ? "T" : "N", ta ? "T" : "N", &N, &M, &K, &one, B, &ldb, A, &lda, &beta, C, &ldc);
}
#endif
#endif
