/* Products of matrices by rows: C (M, N) = A (M, K) B (K, N), or added to C; ta and tb say that a factor lies transposed.

   On processors with vectors of 64 bytes this is our own loop over the panels of tile.c; on others it is BLAS. It is Goto's
   ("Anatomy of high-performance matrix multiplication", Goto and van de Geijn, 2008): a panel of B, DEEP rows at most, stays
   in the nearest cache, and TALL rows of A in the next, copied into strips of ROWS rows where A lies transposed. */
#ifndef OWN
#include <unistd.h>
#ifdef __AVX512F__
#define OWN 1
#ifdef _OPENMP
#include <omp.h>
#else
#define omp_get_max_threads() 1
#endif
enum { TALL = 256, WORTH = 1 << 21 };                   /* WORTH: multiplications that pay for a thread */
static pid_t owner;                                     /* a forked child has no threads left to share the work with */
__attribute__((constructor)) static void loaded(void) { owner = getpid(); }
#else
#define OWN 0
#endif
int own = OWN;
#endif

#if OWN
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
    I strip = ROWS * ra, row = ra, column = ca;         /* from strip to strip, from row to row, from column to column */
    if (ta && panels > 1) {
      T *to = strips;
      for (I h = 0; h < height; h += ROWS) for (I d = 0; d < depth; d++, to += ROWS)
        if (height - h >= ROWS) memcpy(to, a + h + d * ca, sizeof(T) * ROWS);
        else for (I r = 0; r < height - h; r++) to[r] = a[h + r + d * ca];
      a = strips, strip = ROWS * depth, row = 1, column = ROWS;
    }
    _Pragma("omp parallel for if(threads > 1) num_threads(threads) schedule(dynamic)")
    for (I p = 0; p < panels; p++) {
      static __thread T room[DEEP * WIDE] __attribute__((aligned(64)));
      I j = p * WIDE, n = N - j < WIDE ? N - j : WIDE;
      NAME(panel)(height, depth, a, strip, row, column, B + k * rb + j * cb, rb, cb, C + i * ldc + j, ldc, 1, n,
                  add || k > 0, tb || n < WIDE || height > 16 * ROWS, room);
    }
  }
}
#else
static void (*NAME(gemm))(char *, char *, int *, int *, int *, T *, const T *, int *, const T *, int *, T *, T *, int *);
void NAME(use)(void *gemm) { NAME(gemm) = gemm; }
/* Fortran's matrices are columns first, so the factors change places. */
void NAME(product)(int ta, int tb, int M, int N, int K, const T *A, int lda, const T *B, int ldb, int add, T *C, int ldc) {
  T one = 1, beta = add != 0;
  NAME(gemm)(tb ? "T" : "N", ta ? "T" : "N", &N, &M, &K, &one, B, &ldb, A, &lda, &beta, C, &ldc);
}
#endif
