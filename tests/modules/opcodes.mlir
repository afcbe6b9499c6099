// Every scalar instruction of the VM as an export of its own, in the VM's own dialect: what the
// compiler never makes of a model must work too.
// FLAGS: --compile-from=vm --iree-vm-target-extension-f64

vm.module @opcodes {
  vm.export @add_i32
  vm.func @add_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.add.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @sub_i32
  vm.func @sub_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.sub.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @mul_i32
  vm.func @mul_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.mul.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @div_i32_s
  vm.func @div_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.div.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @div_i32_u
  vm.func @div_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.div.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @rem_i32_s
  vm.func @rem_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.rem.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @rem_i32_u
  vm.func @rem_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.rem.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @and_i32
  vm.func @and_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.and.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @or_i32
  vm.func @or_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.or.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @xor_i32
  vm.func @xor_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.xor.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @min_i32_s
  vm.func @min_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.min.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @min_i32_u
  vm.func @min_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.min.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @max_i32_s
  vm.func @max_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.max.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @max_i32_u
  vm.func @max_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.max.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @fma_i32
  vm.func @fma_i32(%a: i32, %b: i32, %c: i32) -> i32 {
    %r = vm.fma.i32 %a, %b, %c : i32
    vm.return %r : i32
  }
  vm.export @not_i32
  vm.func @not_i32(%a: i32) -> i32 {
    %r = vm.not.i32 %a : i32
    vm.return %r : i32
  }
  vm.export @abs_i32
  vm.func @abs_i32(%a: i32) -> i32 {
    %r = vm.abs.i32 %a : i32
    vm.return %r : i32
  }
  vm.export @ctlz_i32
  vm.func @ctlz_i32(%a: i32) -> i32 {
    %r = vm.ctlz.i32 %a : i32
    vm.return %r : i32
  }
  vm.export @shl_i32
  vm.func @shl_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.shl.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @shr_i32_s
  vm.func @shr_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.shr.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @shr_i32_u
  vm.func @shr_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.shr.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_eq_i32
  vm.func @cmp_eq_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.eq.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_ne_i32
  vm.func @cmp_ne_i32(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.ne.i32 %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_lt_i32_s
  vm.func @cmp_lt_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.lt.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_lt_i32_u
  vm.func @cmp_lt_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.lt.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_lte_i32_s
  vm.func @cmp_lte_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.lte.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_lte_i32_u
  vm.func @cmp_lte_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.lte.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_gt_i32_s
  vm.func @cmp_gt_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.gt.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_gt_i32_u
  vm.func @cmp_gt_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.gt.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_gte_i32_s
  vm.func @cmp_gte_i32_s(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.gte.i32.s %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_gte_i32_u
  vm.func @cmp_gte_i32_u(%a: i32, %b: i32) -> i32 {
    %r = vm.cmp.gte.i32.u %a, %b : i32
    vm.return %r : i32
  }
  vm.export @cmp_nz_i32
  vm.func @cmp_nz_i32(%a: i32) -> i32 {
    %r = vm.cmp.nz.i32 %a : i32
    vm.return %r : i32
  }
  vm.export @select_i32
  vm.func @select_i32(%a: i32, %b: i32, %c: i32) -> i32 {
    %r = vm.select.i32 %a, %b, %c : i32
    vm.return %r : i32
  }
  vm.export @add_i64
  vm.func @add_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.add.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @sub_i64
  vm.func @sub_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.sub.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @mul_i64
  vm.func @mul_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.mul.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @div_i64_s
  vm.func @div_i64_s(%a: i64, %b: i64) -> i64 {
    %r = vm.div.i64.s %a, %b : i64
    vm.return %r : i64
  }
  vm.export @div_i64_u
  vm.func @div_i64_u(%a: i64, %b: i64) -> i64 {
    %r = vm.div.i64.u %a, %b : i64
    vm.return %r : i64
  }
  vm.export @rem_i64_s
  vm.func @rem_i64_s(%a: i64, %b: i64) -> i64 {
    %r = vm.rem.i64.s %a, %b : i64
    vm.return %r : i64
  }
  vm.export @rem_i64_u
  vm.func @rem_i64_u(%a: i64, %b: i64) -> i64 {
    %r = vm.rem.i64.u %a, %b : i64
    vm.return %r : i64
  }
  vm.export @and_i64
  vm.func @and_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.and.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @or_i64
  vm.func @or_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.or.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @xor_i64
  vm.func @xor_i64(%a: i64, %b: i64) -> i64 {
    %r = vm.xor.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @min_i64_s
  vm.func @min_i64_s(%a: i64, %b: i64) -> i64 {
    %r = vm.min.i64.s %a, %b : i64
    vm.return %r : i64
  }
  vm.export @min_i64_u
  vm.func @min_i64_u(%a: i64, %b: i64) -> i64 {
    %r = vm.min.i64.u %a, %b : i64
    vm.return %r : i64
  }
  vm.export @max_i64_s
  vm.func @max_i64_s(%a: i64, %b: i64) -> i64 {
    %r = vm.max.i64.s %a, %b : i64
    vm.return %r : i64
  }
  vm.export @max_i64_u
  vm.func @max_i64_u(%a: i64, %b: i64) -> i64 {
    %r = vm.max.i64.u %a, %b : i64
    vm.return %r : i64
  }
  vm.export @fma_i64
  vm.func @fma_i64(%a: i64, %b: i64, %c: i64) -> i64 {
    %r = vm.fma.i64 %a, %b, %c : i64
    vm.return %r : i64
  }
  vm.export @not_i64
  vm.func @not_i64(%a: i64) -> i64 {
    %r = vm.not.i64 %a : i64
    vm.return %r : i64
  }
  vm.export @abs_i64
  vm.func @abs_i64(%a: i64) -> i64 {
    %r = vm.abs.i64 %a : i64
    vm.return %r : i64
  }
  vm.export @ctlz_i64
  vm.func @ctlz_i64(%a: i64) -> i64 {
    %r = vm.ctlz.i64 %a : i64
    vm.return %r : i64
  }
  vm.export @shl_i64
  vm.func @shl_i64(%a: i64, %b: i32) -> i64 {
    %r = vm.shl.i64 %a, %b : i64
    vm.return %r : i64
  }
  vm.export @shr_i64_s
  vm.func @shr_i64_s(%a: i64, %b: i32) -> i64 {
    %r = vm.shr.i64.s %a, %b : i64
    vm.return %r : i64
  }
  vm.export @shr_i64_u
  vm.func @shr_i64_u(%a: i64, %b: i32) -> i64 {
    %r = vm.shr.i64.u %a, %b : i64
    vm.return %r : i64
  }
  vm.export @cmp_eq_i64
  vm.func @cmp_eq_i64(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.eq.i64 %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_ne_i64
  vm.func @cmp_ne_i64(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.ne.i64 %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_lt_i64_s
  vm.func @cmp_lt_i64_s(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.lt.i64.s %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_lt_i64_u
  vm.func @cmp_lt_i64_u(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.lt.i64.u %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_lte_i64_s
  vm.func @cmp_lte_i64_s(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.lte.i64.s %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_lte_i64_u
  vm.func @cmp_lte_i64_u(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.lte.i64.u %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_gt_i64_s
  vm.func @cmp_gt_i64_s(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.gt.i64.s %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_gt_i64_u
  vm.func @cmp_gt_i64_u(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.gt.i64.u %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_gte_i64_s
  vm.func @cmp_gte_i64_s(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.gte.i64.s %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_gte_i64_u
  vm.func @cmp_gte_i64_u(%a: i64, %b: i64) -> i32 {
    %r = vm.cmp.gte.i64.u %a, %b : i64
    vm.return %r : i32
  }
  vm.export @cmp_nz_i64
  vm.func @cmp_nz_i64(%a: i64) -> i32 {
    %r = vm.cmp.nz.i64 %a : i64
    vm.return %r : i32
  }
  vm.export @select_i64
  vm.func @select_i64(%a: i32, %b: i64, %c: i64) -> i64 {
    %r = vm.select.i64 %a, %b, %c : i64
    vm.return %r : i64
  }
  vm.export @add_f32
  vm.func @add_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.add.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @sub_f32
  vm.func @sub_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.sub.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @mul_f32
  vm.func @mul_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.mul.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @div_f32
  vm.func @div_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.div.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @rem_f32
  vm.func @rem_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.rem.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @min_f32
  vm.func @min_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.min.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @max_f32
  vm.func @max_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.max.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @fpowi_f32
  vm.func @fpowi_f32(%a: f32, %n: i64) -> f32 {
    %r = vm.fpowi.f32 %a, %n : f32
    vm.return %r : f32
  }
  vm.export @atan2_f32
  vm.func @atan2_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.atan2.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @pow_f32
  vm.func @pow_f32(%a: f32, %b: f32) -> f32 {
    %r = vm.pow.f32 %a, %b : f32
    vm.return %r : f32
  }
  vm.export @fma_f32
  vm.func @fma_f32(%a: f32, %b: f32, %c: f32) -> f32 {
    %r = vm.fma.f32 %a, %b, %c : f32
    vm.return %r : f32
  }
  vm.export @abs_f32
  vm.func @abs_f32(%a: f32) -> f32 {
    %r = vm.abs.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @neg_f32
  vm.func @neg_f32(%a: f32) -> f32 {
    %r = vm.neg.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @ceil_f32
  vm.func @ceil_f32(%a: f32) -> f32 {
    %r = vm.ceil.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @floor_f32
  vm.func @floor_f32(%a: f32) -> f32 {
    %r = vm.floor.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @round_f32
  vm.func @round_f32(%a: f32) -> f32 {
    %r = vm.round.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @round_f32_even
  vm.func @round_f32_even(%a: f32) -> f32 {
    %r = vm.round.f32.even %a : f32
    vm.return %r : f32
  }
  vm.export @atan_f32
  vm.func @atan_f32(%a: f32) -> f32 {
    %r = vm.atan.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @cos_f32
  vm.func @cos_f32(%a: f32) -> f32 {
    %r = vm.cos.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @sin_f32
  vm.func @sin_f32(%a: f32) -> f32 {
    %r = vm.sin.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @exp_f32
  vm.func @exp_f32(%a: f32) -> f32 {
    %r = vm.exp.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @exp2_f32
  vm.func @exp2_f32(%a: f32) -> f32 {
    %r = vm.exp2.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @expm1_f32
  vm.func @expm1_f32(%a: f32) -> f32 {
    %r = vm.expm1.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @log_f32
  vm.func @log_f32(%a: f32) -> f32 {
    %r = vm.log.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @log10_f32
  vm.func @log10_f32(%a: f32) -> f32 {
    %r = vm.log10.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @log1p_f32
  vm.func @log1p_f32(%a: f32) -> f32 {
    %r = vm.log1p.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @log2_f32
  vm.func @log2_f32(%a: f32) -> f32 {
    %r = vm.log2.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @rsqrt_f32
  vm.func @rsqrt_f32(%a: f32) -> f32 {
    %r = vm.rsqrt.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @sqrt_f32
  vm.func @sqrt_f32(%a: f32) -> f32 {
    %r = vm.sqrt.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @tanh_f32
  vm.func @tanh_f32(%a: f32) -> f32 {
    %r = vm.tanh.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @erf_f32
  vm.func @erf_f32(%a: f32) -> f32 {
    %r = vm.erf.f32 %a : f32
    vm.return %r : f32
  }
  vm.export @cmp_eq_f32_o
  vm.func @cmp_eq_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.eq.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_eq_f32_u
  vm.func @cmp_eq_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.eq.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_ne_f32_o
  vm.func @cmp_ne_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.ne.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_ne_f32_u
  vm.func @cmp_ne_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.ne.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_lt_f32_o
  vm.func @cmp_lt_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.lt.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_lt_f32_u
  vm.func @cmp_lt_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.lt.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_lte_f32_o
  vm.func @cmp_lte_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.lte.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_lte_f32_u
  vm.func @cmp_lte_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.lte.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_gt_f32_o
  vm.func @cmp_gt_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.gt.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_gt_f32_u
  vm.func @cmp_gt_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.gt.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_gte_f32_o
  vm.func @cmp_gte_f32_o(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.gte.f32.o %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_gte_f32_u
  vm.func @cmp_gte_f32_u(%a: f32, %b: f32) -> i32 {
    %r = vm.cmp.gte.f32.u %a, %b : f32
    vm.return %r : i32
  }
  vm.export @cmp_nan_f32
  vm.func @cmp_nan_f32(%a: f32) -> i32 {
    %r = vm.cmp.nan.f32 %a : f32
    vm.return %r : i32
  }
  vm.export @cmp_nz_f32
  vm.func @cmp_nz_f32(%a: f32) -> i32 {
    %r = vm.cmp.nz.f32.o %a : f32
    vm.return %r : i32
  }
  vm.export @select_f32
  vm.func @select_f32(%a: i32, %b: f32, %c: f32) -> f32 {
    %r = vm.select.f32 %a, %b, %c : f32
    vm.return %r : f32
  }
  vm.export @add_f64
  vm.func @add_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.add.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @sub_f64
  vm.func @sub_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.sub.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @mul_f64
  vm.func @mul_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.mul.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @div_f64
  vm.func @div_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.div.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @rem_f64
  vm.func @rem_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.rem.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @min_f64
  vm.func @min_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.min.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @max_f64
  vm.func @max_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.max.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @fpowi_f64
  vm.func @fpowi_f64(%a: f64, %n: i64) -> f64 {
    %r = vm.fpowi.f64 %a, %n : f64
    vm.return %r : f64
  }
  vm.export @atan2_f64
  vm.func @atan2_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.atan2.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @pow_f64
  vm.func @pow_f64(%a: f64, %b: f64) -> f64 {
    %r = vm.pow.f64 %a, %b : f64
    vm.return %r : f64
  }
  vm.export @fma_f64
  vm.func @fma_f64(%a: f64, %b: f64, %c: f64) -> f64 {
    %r = vm.fma.f64 %a, %b, %c : f64
    vm.return %r : f64
  }
  vm.export @abs_f64
  vm.func @abs_f64(%a: f64) -> f64 {
    %r = vm.abs.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @neg_f64
  vm.func @neg_f64(%a: f64) -> f64 {
    %r = vm.neg.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @ceil_f64
  vm.func @ceil_f64(%a: f64) -> f64 {
    %r = vm.ceil.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @floor_f64
  vm.func @floor_f64(%a: f64) -> f64 {
    %r = vm.floor.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @round_f64
  vm.func @round_f64(%a: f64) -> f64 {
    %r = vm.round.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @round_f64_even
  vm.func @round_f64_even(%a: f64) -> f64 {
    %r = vm.round.f64.even %a : f64
    vm.return %r : f64
  }
  vm.export @atan_f64
  vm.func @atan_f64(%a: f64) -> f64 {
    %r = vm.atan.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @cos_f64
  vm.func @cos_f64(%a: f64) -> f64 {
    %r = vm.cos.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @sin_f64
  vm.func @sin_f64(%a: f64) -> f64 {
    %r = vm.sin.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @exp_f64
  vm.func @exp_f64(%a: f64) -> f64 {
    %r = vm.exp.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @exp2_f64
  vm.func @exp2_f64(%a: f64) -> f64 {
    %r = vm.exp2.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @expm1_f64
  vm.func @expm1_f64(%a: f64) -> f64 {
    %r = vm.expm1.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @log_f64
  vm.func @log_f64(%a: f64) -> f64 {
    %r = vm.log.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @log10_f64
  vm.func @log10_f64(%a: f64) -> f64 {
    %r = vm.log10.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @log1p_f64
  vm.func @log1p_f64(%a: f64) -> f64 {
    %r = vm.log1p.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @log2_f64
  vm.func @log2_f64(%a: f64) -> f64 {
    %r = vm.log2.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @rsqrt_f64
  vm.func @rsqrt_f64(%a: f64) -> f64 {
    %r = vm.rsqrt.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @sqrt_f64
  vm.func @sqrt_f64(%a: f64) -> f64 {
    %r = vm.sqrt.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @tanh_f64
  vm.func @tanh_f64(%a: f64) -> f64 {
    %r = vm.tanh.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @erf_f64
  vm.func @erf_f64(%a: f64) -> f64 {
    %r = vm.erf.f64 %a : f64
    vm.return %r : f64
  }
  vm.export @cmp_eq_f64_o
  vm.func @cmp_eq_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.eq.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_eq_f64_u
  vm.func @cmp_eq_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.eq.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_ne_f64_o
  vm.func @cmp_ne_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.ne.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_ne_f64_u
  vm.func @cmp_ne_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.ne.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_lt_f64_o
  vm.func @cmp_lt_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.lt.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_lt_f64_u
  vm.func @cmp_lt_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.lt.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_lte_f64_o
  vm.func @cmp_lte_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.lte.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_lte_f64_u
  vm.func @cmp_lte_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.lte.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_gt_f64_o
  vm.func @cmp_gt_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.gt.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_gt_f64_u
  vm.func @cmp_gt_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.gt.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_gte_f64_o
  vm.func @cmp_gte_f64_o(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.gte.f64.o %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_gte_f64_u
  vm.func @cmp_gte_f64_u(%a: f64, %b: f64) -> i32 {
    %r = vm.cmp.gte.f64.u %a, %b : f64
    vm.return %r : i32
  }
  vm.export @cmp_nan_f64
  vm.func @cmp_nan_f64(%a: f64) -> i32 {
    %r = vm.cmp.nan.f64 %a : f64
    vm.return %r : i32
  }
  vm.export @cmp_nz_f64
  vm.func @cmp_nz_f64(%a: f64) -> i32 {
    %r = vm.cmp.nz.f64.o %a : f64
    vm.return %r : i32
  }
  vm.export @select_f64
  vm.func @select_f64(%a: i32, %b: f64, %c: f64) -> f64 {
    %r = vm.select.f64 %a, %b, %c : f64
    vm.return %r : f64
  }
  vm.export @trunc_i32_i8
  vm.func @trunc_i32_i8(%a: i32) -> i32 {
    %r = vm.trunc.i32.i8 %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @trunc_i32_i16
  vm.func @trunc_i32_i16(%a: i32) -> i32 {
    %r = vm.trunc.i32.i16 %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @trunc_i64_i32
  vm.func @trunc_i64_i32(%a: i64) -> i32 {
    %r = vm.trunc.i64.i32 %a : i64 -> i32
    vm.return %r : i32
  }
  vm.export @ext_i8_i32_s
  vm.func @ext_i8_i32_s(%a: i32) -> i32 {
    %r = vm.ext.i8.i32.s %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @ext_i8_i32_u
  vm.func @ext_i8_i32_u(%a: i32) -> i32 {
    %r = vm.ext.i8.i32.u %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @ext_i16_i32_s
  vm.func @ext_i16_i32_s(%a: i32) -> i32 {
    %r = vm.ext.i16.i32.s %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @ext_i16_i32_u
  vm.func @ext_i16_i32_u(%a: i32) -> i32 {
    %r = vm.ext.i16.i32.u %a : i32 -> i32
    vm.return %r : i32
  }
  vm.export @ext_i32_i64_s
  vm.func @ext_i32_i64_s(%a: i32) -> i64 {
    %r = vm.ext.i32.i64.s %a : i32 -> i64
    vm.return %r : i64
  }
  vm.export @ext_i32_i64_u
  vm.func @ext_i32_i64_u(%a: i32) -> i64 {
    %r = vm.ext.i32.i64.u %a : i32 -> i64
    vm.return %r : i64
  }
  vm.export @cast_si32_f32
  vm.func @cast_si32_f32(%a: i32) -> f32 {
    %r = vm.cast.si32.f32 %a : i32 -> f32
    vm.return %r : f32
  }
  vm.export @cast_f32_si32
  vm.func @cast_f32_si32(%a: f32) -> i32 {
    %r = vm.cast.f32.si32 %a : f32 -> i32
    vm.return %r : i32
  }
  vm.export @cast_ui32_f32
  vm.func @cast_ui32_f32(%a: i32) -> f32 {
    %r = vm.cast.ui32.f32 %a : i32 -> f32
    vm.return %r : f32
  }
  vm.export @cast_f32_ui32
  vm.func @cast_f32_ui32(%a: f32) -> i32 {
    %r = vm.cast.f32.ui32 %a : f32 -> i32
    vm.return %r : i32
  }
  vm.export @cast_si64_f32
  vm.func @cast_si64_f32(%a: i64) -> f32 {
    %r = vm.cast.si64.f32 %a : i64 -> f32
    vm.return %r : f32
  }
  vm.export @cast_f32_si64
  vm.func @cast_f32_si64(%a: f32) -> i64 {
    %r = vm.cast.f32.si64 %a : f32 -> i64
    vm.return %r : i64
  }
  vm.export @cast_ui64_f32
  vm.func @cast_ui64_f32(%a: i64) -> f32 {
    %r = vm.cast.ui64.f32 %a : i64 -> f32
    vm.return %r : f32
  }
  vm.export @cast_f32_ui64
  vm.func @cast_f32_ui64(%a: f32) -> i64 {
    %r = vm.cast.f32.ui64 %a : f32 -> i64
    vm.return %r : i64
  }
  vm.export @cast_si64_f64
  vm.func @cast_si64_f64(%a: i64) -> f64 {
    %r = vm.cast.si64.f64 %a : i64 -> f64
    vm.return %r : f64
  }
  vm.export @cast_f64_si64
  vm.func @cast_f64_si64(%a: f64) -> i64 {
    %r = vm.cast.f64.si64 %a : f64 -> i64
    vm.return %r : i64
  }
  vm.export @cast_ui64_f64
  vm.func @cast_ui64_f64(%a: i64) -> f64 {
    %r = vm.cast.ui64.f64 %a : i64 -> f64
    vm.return %r : f64
  }
  vm.export @cast_f64_ui64
  vm.func @cast_f64_ui64(%a: f64) -> i64 {
    %r = vm.cast.f64.ui64 %a : f64 -> i64
    vm.return %r : i64
  }
  vm.export @bitcast_i32_f32
  vm.func @bitcast_i32_f32(%a: i32) -> f32 {
    %r = vm.bitcast.i32.f32 %a : i32 -> f32
    vm.return %r : f32
  }
  vm.export @bitcast_f32_i32
  vm.func @bitcast_f32_i32(%a: f32) -> i32 {
    %r = vm.bitcast.f32.i32 %a : f32 -> i32
    vm.return %r : i32
  }
  vm.export @bitcast_i64_f64
  vm.func @bitcast_i64_f64(%a: i64) -> f64 {
    %r = vm.bitcast.i64.f64 %a : i64 -> f64
    vm.return %r : f64
  }
  vm.export @bitcast_f64_i64
  vm.func @bitcast_f64_i64(%a: f64) -> i64 {
    %r = vm.bitcast.f64.i64 %a : f64 -> i64
    vm.return %r : i64
  }
  vm.export @trunc_f64_f32
  vm.func @trunc_f64_f32(%a: f64) -> f32 {
    %r = vm.trunc.f64.f32 %a : f64 -> f32
    vm.return %r : f32
  }
  vm.export @ext_f32_f64
  vm.func @ext_f32_f64(%a: f32) -> f64 {
    %r = vm.ext.f32.f64 %a : f32 -> f64
    vm.return %r : f64
  }
}
