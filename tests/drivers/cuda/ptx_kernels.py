"""Kernels in which threads work together, and texts and launches that must fail."""

import collections

import numpy as np

Kernel = collections.namedtuple("Kernel", "name text memories launch expected")
Failure = collections.namedtuple("Failure", "name text memories launch message is_wrong")

RANDOM = np.random.default_rng(11)
THREAD = "mov.u32 %i1, %tid.x; mul.wide.u32 %l1, %i1, 4;"


def entry(params, body, before="", threads=1024):
    """A kernel `k` over addresses, with registers %i (32 bits), %l (64), %h (16), %p."""
    listed = ", ".join(f".param .u64 {name}" for name in params)
    loads = " ".join(f"ld.param.u64 %l{10 + i}, [{name}];" for i, name in enumerate(params))
    return f"""{before}
.visible .entry k({listed}) .maxntid {threads}, 1, 1
{{
  .reg .pred %p<9>; .reg .b16 %h<20>; .reg .b32 %i<40>; .reg .b64 %l<20>;
  {loads}
  {body}
  ret;
}}
"""


def one(name, body, inputs, expected, launch, before=""):
    """A kernel from memory `a` to memory `d`."""
    text = entry(["d", "a"], body, before)
    return Kernel(name, text, {"d": np.zeros_like(expected), "a": inputs}, f"k {launch} d a",
                  {"d": expected})


LOAD = THREAD + "add.s64 %l2, %l11, %l1; ld.global.nc.u32 %i2, [%l2];"
STORE = "add.s64 %l3, %l10, %l1; st.global.u32 [%l3], %i3;"
LANES = np.arange(32, dtype=np.uint32)
VALUES = RANDOM.integers(0, 1 << 32, 64, dtype=np.uint32)
WARP = "1 1 1 32 1 1 0"


def shuffles():
    warp = VALUES[:32]
    yield one("shfl_bfly", LOAD + "shfl.sync.bfly.b32 %i3, %i2, 5, 31, -1;" + STORE, warp,
              warp[LANES ^ 5], WARP)
    # Segments of 8 lanes; what would come from outside stays.
    down = np.where(LANES % 8 + 3 < 8, (LANES + 3) % 32, LANES)
    yield one("shfl_down", LOAD + "shfl.sync.down.b32 %i3, %i2, 3, 0x181f, -1;" + STORE, warp,
              warp[down], WARP)
    up = np.where(LANES % 8 >= 2, LANES - 2, LANES)
    yield one("shfl_up", LOAD + "shfl.sync.up.b32 %i3|%p1, %i2, 2, 0x1800, -1; "
              "@!%p1 add.u32 %i3, %i3, 1;" + STORE, warp,
              (warp[up] + (LANES % 8 < 2)).astype(np.uint32), WARP)
    yield one("shfl_idx", LOAD + "and.b32 %i4, %i2, 31; "
              "shfl.sync.idx.b32 %i3, %i2, %i4, 31, -1;" + STORE, warp, warp[warp & 31], WARP)
    # Half a warp meets, the other half elsewhere.
    body = (LOAD + "mov.u32 %i3, %i2; setp.ge.u32 %p1, %i1, 16; @%p1 bra $high; "
            "shfl.sync.bfly.b32 %i3, %i2, 1, 31, 0xffff; bra.uni $end; $high: "
            "shfl.sync.bfly.b32 %i3, %i2, 2, 31, 0xffff0000; $end: ")
    expected = np.where(LANES < 16, warp[LANES ^ 1], warp[LANES ^ 2]).astype(np.uint32)
    yield one("shfl_of_halves", body + STORE, warp, expected, WARP)
    # A block with fewer threads than a warp has.
    yield one("shfl_of_few", LOAD + "shfl.sync.bfly.b32 %i3, %i2, 1, 31, -1;" + STORE, warp[:8],
              warp[:8][LANES[:8] ^ 1], "1 1 1 8 1 1 0")


def votes():
    warp = VALUES[:32]
    even = warp % 2 == 0
    ballot = np.uint32(sum(1 << int(i) for i in np.flatnonzero(even)))
    test = LOAD + "and.b32 %i4, %i2, 1; setp.eq.u32 %p1, %i4, 0;"
    yield one("ballot", test + "vote.sync.ballot.b32 %i3, %p1, -1;" + STORE, warp,
              np.full(32, ballot), WARP)
    yield one("vote_any", test + "vote.sync.any.pred %p2, !%p1, -1; selp.u32 %i3, 1, 0, %p2;"
              + STORE, warp, np.full(32, int(not even.all()), np.uint32), WARP)
    yield one("vote_all", test + "vote.sync.all.pred %p2, %p1, -1; selp.u32 %i3, 1, 0, %p2;"
              + STORE, warp, np.full(32, int(even.all()), np.uint32), WARP)
    yield one("redux_add", LOAD + "redux.sync.add.u32 %i3, %i2, -1;" + STORE, warp,
              np.full(32, warp.sum(dtype=np.uint32)), WARP)
    yield one("redux_min", LOAD + "redux.sync.min.s32 %i3, %i2, -1;" + STORE, warp,
              np.full(32, warp.view(np.int32).min()).view(np.uint32), WARP)
    yield one("activemask", LOAD + "mov.u32 %i3, 0; setp.lt.u32 %p1, %i1, 5; "
              "@%p1 activemask.b32 %i3;" + STORE, warp,
              np.where(LANES < 5, 31, 0).astype(np.uint32), WARP)


def blocks():
    """Barriers and shared memory."""
    size = 200
    values = RANDOM.integers(0, 1 << 32, size, dtype=np.uint32)
    turn = ("mov.u64 %l4, S; add.s64 %l5, %l4, %l1; st.shared.u32 [%l5], %i2; bar.sync 0; "
            f"sub.u32 %i5, {size - 1}, %i1; mul.wide.u32 %l6, %i5, 4; add.s64 %l7, %l4, %l6; "
            "ld.shared.u32 %i3, [%l7];")
    yield one("shared", LOAD + turn.replace("S", "kept") + STORE, values, values[::-1].copy(),
              f"1 1 1 {size} 1 1 0", f".shared .align 16 .b8 kept[{size * 4}];")
    yield one("shared_dynamic", LOAD + "mov.u32 %i9, %dynamic_smem_size; "
              + turn.replace("S", "kept") + STORE, values, values[::-1].copy(),
              f"1 1 1 {size} 1 1 {size * 4}", ".extern .shared .align 16 .b8 kept[];")
    # Through addresses of any space.
    generic = LOAD + ("mov.u64 %l4, kept; cvta.shared.u64 %l4, %l4; add.s64 %l5, %l4, %l1; "
                      "st.u32 [%l5], %i2; cvta.to.shared.u64 %l5, %l5; ld.shared.u32 %i4, [%l5]; "
                      "ld.u32 %i5, [%l2]; "
                      "sub.u32 %i3, %i4, %i5; add.u32 %i3, %i3, %i2;")
    yield one("generic", generic + STORE, values, values, f"1 1 1 {size} 1 1 0",
              f".shared .align 16 .b8 kept[{size * 4}];")
    # A sum in steps; threads above leave the loop early and wait at the same barrier.
    tree = LOAD + """mov.u64 %l4, kept; add.s64 %l5, %l4, %l1; st.shared.u32 [%l5], %i2;
  mov.u32 %i6, 128;
$loop: bar.sync 0; setp.ge.u32 %p1, %i1, %i6; @%p1 bra $skip;
  mul.wide.u32 %l6, %i6, 4; add.s64 %l7, %l5, %l6;
  ld.shared.u32 %i7, [%l7]; ld.shared.u32 %i8, [%l5];
  add.u32 %i8, %i8, %i7; st.shared.u32 [%l5], %i8;
$skip: shr.u32 %i6, %i6, 1; setp.ne.u32 %p2, %i6, 0; @%p2 bra $loop;
  bar.sync 0; ld.shared.u32 %i3, [kept];"""
    many = RANDOM.integers(0, 1 << 32, 256, dtype=np.uint32)
    total = np.full(256, many.sum(dtype=np.uint32))
    yield one("tree", tree + STORE, many, total, "1 1 1 256 1 1 0",
              ".shared .align 16 .b8 kept[1024];")
    asynchronous = LOAD + ("mov.u64 %l4, kept; mul.wide.u32 %l6, %i1, 16; add.s64 %l5, %l4, %l6; "
                           "add.s64 %l7, %l11, %l6; setp.lt.u32 %p1, %i1, 8; @!%p1 bra $late; "
                           "cp.async.cg.shared.global [%l5], [%l7], 16; bra.uni $go; "
                           "$late: cp.async.ca.shared.global [%l5+0], [%l7], 8, 4; "
                           "$go: cp.async.commit_group; cp.async.wait_group 0; bar.sync 0; "
                           "and.b32 %i4, %i1, 1; shr.u32 %i5, %i1, 1; mad.lo.u32 %i4, %i5, 4, %i4; "
                           "mul.wide.u32 %l6, %i4, 4; add.s64 %l5, %l4, %l6; "
                           "ld.shared.u32 %i3, [%l5];")
    source = RANDOM.integers(0, 1 << 32, (32, 4), dtype=np.uint32)
    expected = source[:16, :2].copy()
    expected[8:, 1] = 0  # of 8 bytes 4 are copied
    yield one("cp_async", asynchronous + STORE, source, expected, WARP,
              ".shared .align 16 .b8 kept[512];")


def places():
    """Where a thread is in its block and grid."""
    body = """mov.u32 %i1, %ctaid.z; mov.u32 %i2, %nctaid.y; mov.u32 %i3, %ctaid.y;
  mad.lo.s32 %i1, %i1, %i2, %i3; mov.u32 %i2, %nctaid.x; mov.u32 %i3, %ctaid.x;
  mad.lo.s32 %i1, %i1, %i2, %i3;
  mov.u32 %i2, %ntid.z; mov.u32 %i3, %tid.z; mad.lo.s32 %i1, %i1, %i2, %i3; mov.u32 %i2, %ntid.y;
  mov.u32 %i3, %tid.y; mad.lo.s32 %i1, %i1, %i2, %i3; mov.u32 %i2, %ntid.x; mov.u32 %i3, %tid.x;
  mad.lo.s32 %i1, %i1, %i2, %i3; mul.wide.u32 %l1, %i1, 4; add.s64 %l2, %l10, %l1;
  mov.u32 %i4, %laneid; mov.u32 %i5, %warpid; shl.b32 %i5, %i5, 8; or.b32 %i4, %i4, %i5;
  mov.u32 %i5, %lanemask_lt; popc.b32 %i5, %i5; shl.b32 %i5, %i5, 16; or.b32 %i4, %i4, %i5;
  st.global.u32 [%l2], %i4;"""
    inside = np.arange(5 * 3 * 4, dtype=np.uint32)
    expected = np.tile(inside % 32 | inside // 32 << 8 | inside % 32 << 16, 2 * 3 * 2)
    yield Kernel("places", entry(["d"], body), {"d": np.zeros_like(expected)}, "k 2 3 2 5 3 4 0 d",
                 {"d": expected})


def memories():
    values = RANDOM.integers(0, 1 << 32, 32 * 4, dtype=np.uint32)
    vectors = ("mov.u32 %i1, %tid.x; mul.wide.u32 %l1, %i1, 16; add.s64 %l2, %l11, %l1; "
               "add.s64 %l3, %l10, %l1; ld.global.v4.b32 {%i2, %i3, %i4, %i5}, [%l2]; "
               "st.global.v2.b32 [%l3+8], {%i3, %i2}; st.global.v2.b32 [%l3], {%i5, %i4};")
    yield one("vectors", vectors, values, values.reshape(-1, 4)[:, ::-1].ravel(), WARP)
    # Bytes into registers of 16 bits and out, with and without a sign.
    narrow = THREAD + ("add.s64 %l2, %l11, %l1; ld.global.s8 %h1, [%l2]; "
                       "ld.global.u8 %h2, [%l2+1]; ld.global.s16 %i2, [%l2+2]; "
                       "cvt.s32.s16 %i3, %h1; cvt.u32.u16 %i4, %h2; "
                       "add.s32 %i3, %i3, %i4; add.s32 %i3, %i3, %i2;" + STORE)
    raw = values[:32].view(np.uint8).reshape(-1, 4)
    total = (raw[:, 0].view(np.int8).astype(np.int32) + raw[:, 1]
             + np.ascontiguousarray(raw[:, 2:]).view(np.int16)[:, 0])
    yield one("narrow", narrow, values[:32], total.astype(np.int32).view(np.uint32), WARP)
    local = LOAD + ("mov.b64 %l4, depot; cvta.local.u64 %l5, %l4; st.local.u32 [%l4+4], %i2; "
                    "ld.u32 %i3, [%l5+4]; st.local.u32 [depot], %i3; ld.local.u32 %i3, [depot];")
    yield Kernel("local", entry(["d", "a"], ".local .align 8 .b8 depot[16];" + local + STORE),
                 {"d": np.zeros(32, np.uint32), "a": values[:32]}, f"k {WARP} d a",
                 {"d": values[:32]})
    table = THREAD + ("and.b32 %i2, %i1, 3; mul.wide.u32 %l4, %i2, 4; mov.u64 %l5, table; "
                      "add.s64 %l5, %l5, %l4; ld.const.u32 %i3, [%l5]; "
                      "ld.global.u32 %i4, [number]; add.u32 %i3, %i3, %i4;")
    expected = np.tile([1003, 1005, 1007, 1011], 8).astype(np.uint32)
    yield one("globals", table + STORE, values[:32], expected, WARP,
              ".const .align 4 .b32 table[4] = {3, 5, 7, 11}; "
              ".global .align 4 .u32 number = 1000;")
    # Parameters of several sizes, padded as C does it.
    text = """
.visible .entry k(.param .u64 d, .param .u8 x, .param .u16 y, .param .u32 z, .param .f64 w) {
  .reg .b16 %h<3>; .reg .b32 %i<9>; .reg .b64 %l<9>;
  ld.param.u64 %l1, [d]; ld.param.u8 %h1, [x]; ld.param.u16 %h2, [y]; ld.param.u32 %i3, [z];
  ld.param.f64 %l2, [w]; ld.param.b32 %i4, [w+4];
  cvt.u32.u16 %i1, %h1; cvt.u32.u16 %i2, %h2; st.global.v4.b32 [%l1], {%i1, %i2, %i3, %i4};
  ret; }"""
    yield Kernel("params", text, {"d": np.zeros(4, np.uint32)},
                 "k 1 1 1 1 1 1 0 d 1:fe 2:1234 4:89abcdef 8:3ff8000012345678",
                 {"d": np.array([0xfe, 0x1234, 0x89abcdef, 0x3ff80000], np.uint32)})


def atomics():
    values = RANDOM.integers(0, 1000, 96, dtype=np.uint32)
    body = LOAD + ("red.global.add.u32 [%l10], %i2; atom.global.max.u32 %i4, [%l10+4], %i2; "
                   "atom.relaxed.gpu.global.min.u32 %i4, [%l10+8], %i2; "
                   "cvt.rn.f32.u32 %i5, %i2; atom.global.add.f32 %i6, [%l10+12], %i5; "
                   "atom.global.inc.u32 %i7, [%l10+16], 9; red.global.xor.b32 [%l10+20], %i2; "
                   "$try: ld.global.u32 %i8, [%l10+24]; add.u32 %i9, %i8, 3; "
                   "atom.global.cas.b32 %i10, [%l10+24], %i8, %i9; "
                   "setp.ne.u32 %p1, %i10, %i8; @%p1 bra $try;")
    start = np.array([0, 0, 0xffffffff, 0, 0, 0, 0], np.uint32)
    expected = np.array([values.sum(), values.max(), values.min(),
                         np.float32(values.sum()).view(np.uint32), 96 % 10,
                         np.bitwise_xor.reduce(values), 96 * 3], np.uint32)
    yield Kernel("atomics", entry(["d", "a"], body), {"d": start, "a": values},
                 "k 1 1 1 96 1 1 0 d a", {"d": expected})


def flow():
    # Each thread goes as often as its number says: how many steps to 1 ("3n+1").
    body = THREAD + ("add.u32 %i2, %i1, 1; mov.u32 %i3, 0; "
                     "$loop: setp.eq.u32 %p1, %i2, 1; @%p1 bra $end; add.u32 %i3, %i3, 1; "
                     "and.b32 %i4, %i2, 1; setp.eq.u32 %p2, %i4, 0; "
                     "@%p2 shr.u32 %i2, %i2, 1; @%p2 bra $loop; "
                     "mad.lo.u32 %i2, %i2, 3, 1; bra.uni $loop; $end: ")
    def steps(n):
        return 0 if n == 1 else 1 + steps(n // 2 if n % 2 == 0 else 3 * n + 1)
    expected = np.array([steps(i + 1) for i in range(100)], np.uint32)
    yield one("loops", body + STORE, np.zeros(1, np.uint32), expected, "1 1 1 100 1 1 0")
    early = THREAD + ("mov.u32 %i3, 5;" + STORE + "setp.gt.u32 %p1, %i1, 40; @%p1 exit; "
                      "bar.sync 0; mov.u32 %i3, 6;" + STORE)
    yield one("early_end", early, np.zeros(1, np.uint32),
              np.where(np.arange(100) > 40, 5, 6).astype(np.uint32), "1 1 1 100 1 1 0")


def matrices():
    a = RANDOM.integers(-8, 8, (16, 16)).astype(np.float16)
    b = RANDOM.integers(-8, 8, (16, 8)).astype(np.float16)
    c = RANDOM.integers(-8, 8, (16, 8)).astype(np.float32)
    # Row and column of each register are told by the threads themselves, by the ISA's formulas.
    load = """mov.u32 %i1, %laneid; shr.u32 %i2, %i1, 2; and.b32 %i3, %i1, 3; shl.b32 %i4, %i3, 1;
  mad.lo.u32 %i5, %i2, 16, %i4; mul.wide.u32 %l1, %i5, 2; add.s64 %l2, %l11, %l1;
  ld.global.b32 %i10, [%l2]; ld.global.b32 %i11, [%l2+256];
  ld.global.b32 %i12, [%l2+16]; ld.global.b32 %i13, [%l2+272];
  mad.lo.u32 %i6, %i4, 8, %i2; mul.wide.u32 %l3, %i6, 2; add.s64 %l4, %l12, %l3;
  ld.global.b16 %h1, [%l4]; ld.global.b16 %h2, [%l4+16];
  ld.global.b16 %h3, [%l4+128]; ld.global.b16 %h4, [%l4+144];
  mov.b32 %i14, {%h1, %h2}; mov.b32 %i15, {%h3, %h4};
  mad.lo.u32 %i7, %i2, 8, %i4; mul.wide.u32 %l5, %i7, SIZE;
  add.s64 %l6, %l13, %l5; add.s64 %l7, %l10, %l5;"""
    single = """ld.global.v2.b32 {%i16, %i17}, [%l6]; ld.global.v2.b32 {%i18, %i19}, [%l6+256];
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32
    {%i20, %i21, %i22, %i23}, {%i10, %i11, %i12, %i13}, {%i14, %i15}, {%i16, %i17, %i18, %i19};
  st.global.v2.b32 [%l7], {%i20, %i21}; st.global.v2.b32 [%l7+256], {%i22, %i23};"""
    half = """ld.global.b32 %i16, [%l6]; ld.global.b32 %i17, [%l6+128];
  mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16
    {%i20, %i21}, {%i10, %i11, %i12, %i13}, {%i14, %i15}, {%i16, %i17};
  st.global.b32 [%l7], %i20; st.global.b32 [%l7+128], %i21;"""
    exact = a.astype(np.float32) @ b.astype(np.float32) + c
    for name, rest, dtype in (("mma_f32", single, np.float32), ("mma_f16", half, np.float16)):
        size = str(np.dtype(dtype).itemsize)
        yield Kernel(name, entry("dabc", load.replace("SIZE", size) + rest),
                     {"d": np.zeros((16, 8), dtype), "a": a, "b": b, "c": c.astype(dtype)},
                     f"k {WARP} d a b c", {"d": exact.astype(dtype)})


KERNELS = [kernel for group in (shuffles, votes, blocks, places, memories, atomics, flow, matrices)
           for kernel in group()]


# ---- What must fail ------------------------------------------------------------------------------

def text_failure(name, body, message, is_wrong=True):
    """`is_wrong`: the text is wrong, not only unknown here."""
    return Failure(name, entry(["d", "a"], body), {}, "", message, is_wrong)


def launch_failure(name, body, message, launch=WARP):
    data = np.zeros(32, np.uint32)
    return Failure(name, entry(["d", "a"], THREAD + body), {"d": data, "a": data},
                   f"k {launch} d a", message, False)


FAILURES = [
    text_failure("unknown_instruction", "frob.b32 %i1, %i2;",
                 "line 9; error   : Unknown instruction 'frob.b32'"),
    text_failure("unknown_modifier", "add.rn.u32 %i1, %i2, %i3;", "Illegal modifier"),
    text_failure("unknown_register", "add.u32 %i1, %i2, %x3;", "Unknown symbol '%x3'"),
    text_failure("register_beyond", "add.u32 %i1, %i2, %i40;", "Unknown symbol '%i40'"),
    text_failure("width", "add.u32 %i1, %i2, %l3;", "register '%l3' of 64 bits, operand of 32"),
    text_failure("predicate", "add.u32 %i1, %i2, %p3;", "Arguments mismatch"),
    text_failure("label", "bra $nowhere;", "Label '$nowhere' is not defined"),
    text_failure("label_twice", "$x: mov.u32 %i1, 0; $x: mov.u32 %i1, 1;",
                 "Duplicate definition of label '$x'"),
    text_failure("semicolon", "mov.u32 %i1, 0 mov.u32 %i1, 1;", "';' expected"),
    text_failure("space", "ld.shared.u32 %i1, [number];", "Unknown symbol 'number'"),
    text_failure("beyond_parameter", "ld.param.u64 %l1, [a+8];",
                 "8 bytes at 8 of parameter 'a', which has 8", False),
    text_failure("rounding", "cvt.f16.f32 %h1, %i1;", "Unknown instruction 'cvt.f16.f32'"),
    text_failure("saturation", "cvt.sat.u32.u16 %i1, %h1;",
                 "Unknown instruction 'cvt.sat.u32.u16'"),
    text_failure("comparison", "setp.lo.s32 %p1, %i1, %i2;", "Unknown instruction 'setp.lo.s32'"),
    text_failure("call", "call.uni f, (%i1);", "Unknown instruction 'call.uni'"),
    text_failure("directive", ".frob 3;", "Unknown directive '.frob'"),
    Failure("no_version", ".target sm_80\n", {}, "", "Missing .version directive", True),
    Failure("new_version", ".version 99.0\n.target sm_80\n", {}, "", "Unsupported .version 99.0",
            True),
    Failure("new_target", ".version 7.8\n.target sm_90\n", {}, "", 
            "SM version specified by .target is higher", True),
    Failure("no_target", ".version 7.8\n.frob\n", {}, "", "Missing .target directive", True),
    Failure("end", ".version 7.8\n.target sm_80\n.visible .entry k() {\n ret;\n", {}, "",
            "the end of the text in a kernel", True),
    launch_failure("read_beyond", "add.s64 %l2, %l11, %l1; ld.global.u32 %i2, [%l2+4];",
                   "Invalid __global__ read of size 4 bytes: address 0xd0010000008"
                   "0 is out of bounds, by thread (31,0,0) of block (0,0,0) in k"),
    launch_failure("write_nowhere", "st.global.u32 [0], %i1;",
                   "write of size 4 bytes: address 0x0 is out of bounds"),
    launch_failure("write_at_host", "mov.u64 %l2, 0x7fff00000000; st.global.u32 [%l2], %i1;",
                   "is out of bounds"),
    launch_failure("vector_over_the_end", "ld.global.v4.u32 {%i2, %i3, %i4, %i5}, [%l11+112]; "
                   "ld.global.v2.u64 {%l2, %l3}, [%l11+128];", "read of size 16 bytes"),
    launch_failure("misaligned", "ld.global.u32 %i2, [%l11+2];", "is misaligned"),
    launch_failure("shared_beyond", "st.shared.u32 [1024], %i1;", "Invalid __shared__ write",
                   "1 1 1 1 1 1 1024"),
    launch_failure("trap", "setp.eq.u32 %p1, %i1, 7; @%p1 trap;", "trap, by thread (7,0,0)"),
    launch_failure("barrier_of_some", "setp.eq.u32 %p1, %i1, 7; $x: @%p1 bra $x2; bar.sync 0; "
                   "bra.uni $y; $x2: bar.sync 1; $y:",
                   "deadlock"),
    launch_failure("meeting_of_some", "setp.eq.u32 %p1, %i1, 7; @%p1 bra $x; "
                   "shfl.sync.bfly.b32 %i2, %i1, 1, 31, -1; $x: bar.sync 0;", "deadlock"),
    launch_failure("not_in_its_mask", "shfl.sync.bfly.b32 %i2, %i1, 1, 31, 255;",
                   "lane 8 is not in its own mask 0xff"),
]
