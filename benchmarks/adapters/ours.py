"""tinygrad_core, through its public API alone."""
import numpy as np
from engine import Engine, traced


class TinygradCore(Engine):
    """Dynamic graphs, as a user would write them: nn.functional, optim, backward."""

    name, import_stmt, paths = "tinygrad_core", "import tinygrad_core", ("..",)
    allocated = traced

    def load(self, threads):
        import tinygrad_core as t
        import tinygrad_core.nn.functional as F
        self.t, self.F = t, F

    def param(self, name, a):
        a = np.asarray(a)
        if name[0] == "W" and a.ndim == 2:
            a = np.ascontiguousarray(a.T)         # the (out, in) layout of nn.Linear
        if a.ndim and name in ("Wx", "Wh", "b"):           # the workload's gates come in the order i, f, o, g; ours in i, f, g, o
            i, f, o, g = np.split(a, 4)
            a = np.concatenate([i, f, g, o])
        return self.t.nn.Parameter(self.t.tensor(a))

    def const(self, a):
        return self.t.from_numpy(np.ascontiguousarray(a))

    def vec(self, name, a):
        return self.param(name, a).detach()

    def item(self, t):
        return t.item()

    def optimizer(self, opt, params):
        if opt[0] == "none":
            return lambda _: None
        make = self.t.optim.SGD if opt[0] == "sgd" else self.t.optim.Adam
        o = make(list(params.values()), lr=opt[1])
        return lambda _: (o.step(), o.zero_grad())

    def grads(self, loss, params):
        loss.backward()

    def hvp(self, f, params, vecs):
        ps, vs = list(params.values()), list(vecs.values())
        g = self.t.autograd.grad(f(params), ps, create_graph=True)
        s = sum((a * b).sum() for a, b in zip(g, vs, strict=True))
        return dict(zip(params, self.t.autograd.grad(s, ps), strict=True))

    def exp(self, x): return x.exp()
    def log(self, x): return x.log()
    def tanh(self, x): return x.tanh()
    def relu(self, x): return x.relu()
    def sigmoid(self, x): return x.sigmoid()
    def sum(self, x, axis=None, keepdims=False): return x.sum() if axis is None else x.sum(axis, keepdims)
    def mean(self, x): return x.mean()
    def reshape(self, x, s): return x.reshape(s)
    def transpose(self, x, a): return x.permute(a)
    def stack(self, xs): return self.t.stack(xs)
    def linear(self, x, W, b): return self.F.linear(x, W, b)
    def gelu(self, x): return self.F.gelu(x, approximate="tanh")
    def cross_entropy(self, z, y): return self.F.cross_entropy(z, y)
    def layer_norm(self, x, g, b): return self.F.layer_norm(x, g.shape, g, b)
    def embedding(self, E, i): return self.F.embedding(i, E)
    def attention(self, q, k, v): return self.F.scaled_dot_product_attention(q, k, v, is_causal=True)
    def conv2d(self, x, K, c): return self.F.conv2d(x, K, c, padding=1)
    def maxpool2(self, x): return self.F.max_pool2d(x, 2)

    def split_heads(self, x, B, T, n, H, D):
        return [q.view(B, T, H, D).transpose(1, 2) for q in x.split(H * D, 2)]

    lstm_layer = None

    def lstm(self, x, h, c, Wx, Wh, b):
        if self.lstm_layer is None:
            layer = self.lstm_layer = self.t.nn.LSTM(Wx.shape[1], h.shape[1])
            layer.weight_ih_l0, layer.weight_hh_l0, layer.bias_ih_l0 = Wx, Wh, b
            layer.bias_hh_l0 = self.t.nn.Parameter(self.t.zeros_like(b), requires_grad=False)
        return self.lstm_layer(x, (h.unsqueeze(0), c.unsqueeze(0)))[0]


class TinygradProducts(TinygradCore):
    """Dynamic graphs with the project's own products of large matrices switched on."""

    name = "products"

    def load(self, threads):
        super().load(threads)
        self.t.use_compiled_products()


class TinygradCompiled(TinygradCore):
    """The same training step under `@compile`."""

    name, backend = "compiled", "auto"
    allocated = Engine.allocated                # its memory is taken once, for all steps

    def make_step(self, w):
        from tinygrad_core.static import compile
        params = {k: self.param(k, a) for k, a in w.params.items()}
        batches = [tuple(self.const(a) for a in b) for b in w.batches]
        if w.kind == "hvp":
            vecs = {k: self.vec(k, a) for k, a in w.vecs.items()}

            @compile(backend=self.backend)
            def product(*batch):
                found = self.hvp(lambda p: w.loss(self, p, *batch), params, vecs)
                return sum((found[k] * vecs[k]).sum() for k in vecs)
            return lambda: product(*batches[0]).item()
        update = self.optimizer(w.opt, params)

        @compile(backend=self.backend)
        def train(*batch):
            loss = w.loss(self, params, *batch)
            loss.backward()
            update(None)
            return loss

        def step():
            for b in batches:
                loss = train(*b)
            return loss.item()
        self.train = train
        return step


class TinygradNumpy(TinygradCompiled):
    """Compiled for NumPy with preallocated outputs."""

    name, backend = "numpy", "numpy"


class TinygradC(TinygradCompiled):
    """Compiled to one C function."""

    name, backend = "c", "c"


class TinygradInterpreter(TinygradCompiled):
    """Traced and interpreted."""

    name, backend = "interpreter", "interpreter"
