#!/usr/bin/env python3
"""Side-by-side training-step benchmark.

    python peers.py                                   # all engines, all workloads, 1 thread
    python peers.py -e torch,jax -w W2,W6 --threads 2
    python peers.py -e torch,mine --add mine=path/to/my_adapter.py:MyEngine
    python peers.py -e torch,ours -w W4,W6 --memory   # and the bytes that one step takes

Every (engine, workload) pair lives in its own process, so peak memory is its own and no engine
disturbs another.  Only one process works at a time; rounds are interleaved in random order; the
figure is the median over rounds of the per-round median step time; the ratio is the median over
rounds of (engine / baseline) taken in the same round; with --threads 1 all are pinned to one core and
a sample during which another process held that core is taken again.  "!" marks an engine whose
first loss or descent over two updates differs from the baseline's: it did not do the same work.
"""
import argparse, datetime, importlib.metadata, importlib.util, json, os, platform, random, statistics as st, subprocess, sys, time

HERE = os.path.dirname(os.path.abspath(__file__))
ADAPTERS = {                       # name -> "file:Class", relative to this folder
    "ours": "adapters/ours.py:TinygradCore",
    "products": "adapters/ours.py:TinygradProducts",
    "numpy": "adapters/ours.py:TinygradNumpy",
    "c": "adapters/ours.py:TinygradC",
    "torch": "adapters/torch_.py:Torch",
    "torch-best": "adapters/torch_.py:TorchNN",
    "torch.compile": "adapters/torch_.py:TorchCompile",
    "jax": "adapters/jax_.py:Jax",
    "tinygrad": "adapters/tinygrad_.py:TinyGrad",
    "autograd": "adapters/numpy_peers.py:HipsAutograd",
    "mygrad": "adapters/numpy_peers.py:MyGrad",
    "dezero": "adapters/numpy_peers.py:DeZero",
    "micrograd": "adapters/numpy_peers.py:Micrograd",
}


def load_class(spec):
    sys.path[:0] = [HERE, os.path.join(HERE, "adapters")]      # a plugged-in adapter may import or subclass these
    path, cls = spec.rsplit(":", 1)
    path = path if os.path.isabs(path) else os.path.join(HERE, path)
    sys.path.insert(0, os.path.dirname(path))
    m = importlib.util.spec_from_file_location("adapter_" + cls, path)
    mod = importlib.util.module_from_spec(m)
    m.loader.exec_module(mod)
    c = getattr(mod, cls)
    for p in c.paths:
        sys.path.insert(0, os.path.join(HERE, p))
    return c


def rss_mb():
    """peak resident memory (VmHWM; ru_maxrss would inherit the parent's peak through exec)"""
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024


# ------------------------------------------------------------------ worker process
def worker(spec, wid, threads, cores):
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)                                   # engines may print; keep the pipe clean
    say = lambda **k: (out.write(json.dumps(k) + "\n"), out.flush())
    if cores:
        os.sched_setaffinity(0, cores)
    cls = load_class(spec)
    import numpy  # noqa: F401   every engine needs it: part of the memory floor
    from workloads import WORKLOADS
    try:
        E = cls()
        if wid in E.skip:
            raise NotImplementedError("skipped")
        floor = rss_mb()
        E.load(threads)
        loaded = rss_mb()
        w = WORKLOADS[wid]()
        base = rss_mb()
        t = time.perf_counter()
        step = E.make_step(w)
        losses = [step()]
        cold = time.perf_counter() - t
        losses += [step(), step()]
    except Exception as e:                          # unsupported or broken: an empty cell
        say(ok=False, why=f"{type(e).__name__}: {str(e)[:200]}")
        return
    say(ok=True, losses=losses, cold=cold, import_mb=loaded - floor)
    for line in sys.stdin:
        if line == "memory\n":
            most = E.allocated(step)
            say(**({} if most is None else {"step_mb": most / 1e6}))
            continue
        budget = float(line)
        ts, end = [], time.perf_counter() + budget
        w0, c0 = time.perf_counter(), time.process_time()
        while len(ts) < 3 or (time.perf_counter() < end and len(ts) < 20000):
            t = time.perf_counter()
            step()
            ts.append(time.perf_counter() - t)
            if len(ts) == 1 and ts[0] > 4 * budget:
                break
        share = (time.process_time() - c0) / (time.perf_counter() - w0)
        say(t=st.median(ts), n=len(ts), share=share, peak_mb=rss_mb() - base, total_mb=rss_mb())


class Proc:
    def __init__(self, spec, wid, a):
        env = dict(os.environ, PYTHONWARNINGS="ignore")
        for v in ("OMP", "OPENBLAS", "MKL", "NUMBA", "NUMEXPR", "VECLIB_MAXIMUM", "BLIS"):
            env[v + "_NUM_THREADS"] = str(a.threads)
        cores = [os.cpu_count() - 1] if a.threads == 1 else []
        self.p = subprocess.Popen([sys.executable, __file__, "--worker", spec, wid, str(a.threads), json.dumps(cores)],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env, text=True,
                                  stderr=None if a.verbose else subprocess.DEVNULL)

    def read(self, timeout=None):
        import select
        if timeout and not select.select([self.p.stdout], [], [], timeout)[0]:
            self.close()
            return dict(ok=False, why=f"set-up over {timeout:.0f} s")
        line = self.p.stdout.readline()
        return json.loads(line) if line else dict(ok=False, why="died")

    def ask(self, what):
        """of a budget in seconds step times, of "memory" what one step allocates"""
        self.p.stdin.write(f"{what}\n")
        self.p.stdin.flush()
        return self.read()

    def close(self):
        self.p.kill()
        self.p.wait()


# ------------------------------------------------------------------ orchestrator
def run_workload(wid, engines, a):
    res, procs = {}, {}
    for e in engines:
        p = Proc(ADAPTERS[e], wid, a)
        r = p.read(a.setup_timeout)
        res[e] = r
        if r.get("ok"):
            procs[e], r["ts"] = p, []
        else:
            p.close()
        if a.verbose:
            print("   ", wid, e, r, file=sys.stderr, flush=True)
    for _ in range(a.rounds):
        order = list(procs)
        random.shuffle(order)
        for e in order:
            for _try in range(4):                  # another process took the core: sample again
                r = procs[e].ask(a.budget)
                if a.threads > 1 or r.get("share", 1) > .93:
                    break
                time.sleep(.5)
            if "t" not in r:
                res[e].update(ok=False, why=r.get("why"))
                del procs[e]
                continue
            res[e]["ts"].append(r["t"])
            res[e].update(peak_mb=r["peak_mb"], total_mb=r["total_mb"])
    for e, p in procs.items():
        if a.memory:                                # last: counting makes steps slower
            res[e].update(p.ask("memory"))
        p.close()
    base = res.get(a.baseline, {})
    for e, r in res.items():
        if not r.get("ts"):
            continue
        r["t"] = st.median(r["ts"])
        if base.get("ts"):
            r["ratio"] = st.median(x / y for x, y in zip(r["ts"], base["ts"]))
            r["match"] = same_training(r["losses"], base["losses"])
    return res


def same_training(a, b):
    """same first loss (to 1e-4) and the same descent over two updates (to 5 %): wrong gradients do not pass"""
    return abs(a[0] - b[0]) <= 1e-4 * max(1, abs(b[0])) and abs((a[2] - a[0]) - (b[2] - b[0])) <= .05 * abs(b[2] - b[0]) + 2e-6


def fmt_t(t):
    return f"{t * 1e6:.0f}µs" if t < 1e-3 else f"{t * 1e3:.2f}ms" if t < 1 else f"{t:.2f}s"


def cell(r, what):
    if not r or "t" not in r:
        return "-"
    if what == "time":
        return fmt_t(r["t"]) + (f" ({r['ratio']:.2f}x)" if "ratio" in r else "") + ("" if r.get("match", True) else " !")
    if what == "step_mb":
        return f"{r[what]:.1f}" if what in r else "-"
    if what == "cold":
        return fmt_t(r["cold"])
    return f"{r['peak_mb']:.0f}"


def table(results, engines, what, head):
    rows = [[head] + engines] + [[w] + [cell(results[w].get(e), what) for e in engines] for w in results]
    wd = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    line = lambda r: "| " + " | ".join(c.ljust(n) for c, n in zip(r, wd)) + " |"
    return "\n".join([line(rows[0]), "|" + "|".join("-" * (n + 2) for n in wd) + "|"] + [line(r) for r in rows[1:]])


def import_times(engines, reps=5):
    """Median wall time and RSS of the engine's import statement in a fresh interpreter (NumPy included), warm disk."""
    out, todo = {}, {}
    for e in engines:
        try:
            c = load_class(ADAPTERS[e])
            todo[e] = (c.import_stmt, [os.path.join(HERE, p) for p in c.paths])
        except Exception:
            pass
    todo = {"numpy alone": ("import numpy", []), **todo}
    got = {e: [] for e in todo}
    for _ in range(reps + 1):                               # first pass warms the disk cache and .pyc files
        for e, (stmt, paths) in todo.items():
            code = ("import sys,time;sys.path[:0]=%r;r=lambda:[int(l.split()[1])/1024 for l in open('/proc/self/status') if l.startswith('VmHWM')][0];"
                    "a=r();t=time.perf_counter();exec(%r);print(time.perf_counter()-t,r()-a)") % (paths, stmt)
            env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
            o = subprocess.run([sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, env=env)
            if o.returncode == 0:
                got[e].append([float(x) for x in o.stdout.split()[-2:]])
    for e, v in got.items():
        if v[1:]:
            out[e] = (st.median(t[0] for t in v[1:]), st.median(t[1] for t in v[1:]))
    return out


def machine():
    """What the figures were measured on, and when: they mean little without it."""
    def version(name):
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            return None
    cpu = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), None) \
        if os.path.exists("/proc/cpuinfo") else platform.processor()
    return dict(date=datetime.date.today().isoformat(), cpu=cpu, cores=os.cpu_count(), python=platform.python_version(),
                versions={n: v for n in ("numpy", "scipy", "torch", "jax", "cupy-cuda12x") if (v := version(n))})


def main():
    if len(sys.argv) > 1 and sys.argv[1] == "--worker":
        return worker(sys.argv[2], sys.argv[3], int(sys.argv[4]), json.loads(sys.argv[5]))
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("-e", "--engines", default=None, help="comma list; default: all known")
    ap.add_argument("-w", "--workloads", default=None)
    ap.add_argument("--add", action="append", default=[], metavar="NAME=FILE.py:CLASS", help="plug in an engine")
    ap.add_argument("--baseline", default="torch")
    ap.add_argument("--threads", type=int, default=1)
    ap.add_argument("--rounds", type=int, default=5)
    ap.add_argument("--budget", type=float, default=0.4, help="seconds per engine per round")
    ap.add_argument("--setup-timeout", type=float, default=240)
    ap.add_argument("--json", default=None)
    ap.add_argument("--memory", action="store_true", help="measure also what one step allocates")
    ap.add_argument("--no-import", action="store_true")
    ap.add_argument("-v", "--verbose", action="store_true")
    a = ap.parse_args()
    for s in a.add:
        n, f = s.split("=", 1)
        p, c = f.rsplit(":", 1)
        ADAPTERS[n] = os.path.abspath(p) + ":" + c
    engines = a.engines.split(",") if a.engines else list(ADAPTERS)
    sys.path.insert(0, HERE)
    from workloads import WORKLOADS
    wids = a.workloads.split(",") if a.workloads else list(WORKLOADS)
    results = {}
    for wid in wids:
        results[wid] = run_workload(wid, engines, a)
        print(f"{wid}: " + "  ".join(f"{e}={cell(r, 'time')}" for e, r in results[wid].items()), file=sys.stderr, flush=True)
    print(f"\nthreads={a.threads} rounds={a.rounds} OPENBLAS_CORETYPE={os.environ.get('OPENBLAS_CORETYPE')}; "
          f"step time (ratio to {a.baseline}); ! = losses differ; - = unsupported\n")
    print(table(results, engines, "time", "step"))
    for w, row in results.items():
        for e, r in row.items():
            if "t" not in r and r.get("why") not in (None, "NotImplementedError: ", "NotImplementedError: skipped"):
                print(f"  {w} {e}: {r['why']}")
    print("\n" + table(results, engines, "cold", "first step incl. compile"))
    print("\n" + table(results, engines, "mem", "peak RSS MB over data+import"))
    if a.memory:
        print("\n" + table(results, engines, "step_mb", "peak MB allocated in a step"))
    imp = {}
    if not a.no_import:
        imp = import_times(engines)
        print("\nimport (s, MB): " + "  ".join(f"{e}={t:.2f}s/{m:.0f}MB" for e, (t, m) in imp.items()))
    if a.json:
        json.dump(dict(machine=machine(), threads=a.threads, env=os.environ.get("OPENBLAS_CORETYPE"), results=results, imports=imp,
                       titles={w: WORKLOADS[w]().title for w in wids}), open(a.json, "w"), indent=1)


if __name__ == "__main__":
    main()
