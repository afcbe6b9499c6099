// The module `check` as a compiled module: iree-run-module has none of its own, and the imports of
// tests are optional, so that a test without it holds whatever it computes.
//
// What has to hold: iree/modules/check and iree_math_fuzzy_compare_f64 of 3.13. Elements narrower
// than 32 bits are decoded from their bits; the numbers are IREE's element types in decimal.
module @check {
  func.func @expect_true(%value: i32) {
    %zero = arith.constant 0 : i32
    %ok = arith.cmpi ne, %value, %zero : i32
    cf.assert %ok, "expected true"
    return
  }

  func.func @expect_false(%value: i32) {
    %zero = arith.constant 0 : i32
    %ok = arith.cmpi eq, %value, %zero : i32
    cf.assert %ok, "expected false"
    return
  }

  func.func @expect_all_true(%device: !hal.device, %view: !hal.buffer_view) {
    %zero = arith.constant 0 : i64
    %zero_index = arith.constant 0 : index
    %one_index = arith.constant 1 : index
    %type = hal.buffer_view.element_type<%view : !hal.buffer_view> : i32
    %buffer = hal.buffer_view.buffer<%view : !hal.buffer_view> : !hal.buffer
    %size = hal.buffer.length<%buffer : !hal.buffer> : index
    %width = func.call @width_of(%type) : (i32) -> index
    %count = arith.divui %size, %width : index
    scf.for %i = %zero_index to %count step %one_index {
      %at = arith.muli %i, %width : index
      %bits = func.call @load_bits(%buffer, %at, %width) : (!hal.buffer, index, index) -> i64
      %ok = arith.cmpi ne, %bits, %zero : i64
      cf.assert %ok, "expected all to be true"
    }
    return
  }

  func.func @expect_eq(%device: !hal.device, %a: !hal.buffer_view, %b: !hal.buffer_view) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %four = arith.constant 4 : index
    func.call @check_types_and_shapes(%a, %b) : (!hal.buffer_view, !hal.buffer_view) -> ()
    %a_buffer = hal.buffer_view.buffer<%a : !hal.buffer_view> : !hal.buffer
    %b_buffer = hal.buffer_view.buffer<%b : !hal.buffer_view> : !hal.buffer
    %size = hal.buffer.length<%a_buffer : !hal.buffer> : index
    %b_size = hal.buffer.length<%b_buffer : !hal.buffer> : index
    %same_size = arith.cmpi eq, %size, %b_size : index
    cf.assert %same_size, "expected the same size"
    %words = arith.divui %size, %four : index
    %tail = arith.muli %words, %four : index
    scf.for %i = %zero to %words step %one {
      %at = arith.muli %i, %four : index
      %x = hal.buffer.load<%a_buffer : !hal.buffer>[%at] : i32
      %y = hal.buffer.load<%b_buffer : !hal.buffer>[%at] : i32
      %ok = arith.cmpi eq, %x, %y : i32
      cf.assert %ok, "expected the same bits"
    }
    scf.for %i = %tail to %size step %one {
      %x = hal.buffer.load<%a_buffer : !hal.buffer>[%i] : i8
      %y = hal.buffer.load<%b_buffer : !hal.buffer>[%i] : i8
      %ok = arith.cmpi eq, %x, %y : i8
      cf.assert %ok, "expected the same bits"
    }
    return
  }

  func.func @expect_almost_eq(%device: !hal.device, %a: !hal.buffer_view, %b: !hal.buffer_view,
                              %atol: f32, %rtol: f32) {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    func.call @check_types_and_shapes(%a, %b) : (!hal.buffer_view, !hal.buffer_view) -> ()
    %type = hal.buffer_view.element_type<%a : !hal.buffer_view> : i32
    %width = func.call @width_of(%type) : (i32) -> index
    %a_buffer = hal.buffer_view.buffer<%a : !hal.buffer_view> : !hal.buffer
    %b_buffer = hal.buffer_view.buffer<%b : !hal.buffer_view> : !hal.buffer
    %size = hal.buffer.length<%a_buffer : !hal.buffer> : index
    %count = arith.divui %size, %width : index
    %absolute = arith.extf %atol : f32 to f64
    %relative = arith.extf %rtol : f32 to f64
    %infinity_bits = arith.constant 0x7FF0000000000000 : i64
    %infinity = arith.bitcast %infinity_bits : i64 to f64
    scf.for %i = %zero to %count step %one {
      %at = arith.muli %i, %width : index
      %x_bits = func.call @load_bits(%a_buffer, %at, %width) : (!hal.buffer, index, index) -> i64
      %y_bits = func.call @load_bits(%b_buffer, %at, %width) : (!hal.buffer, index, index) -> i64
      %x = func.call @decode(%type, %x_bits) : (i32, i64) -> f64
      %y = func.call @decode(%type, %y_bits) : (i32, i64) -> f64
      %equal = arith.cmpf oeq, %x, %y : f64
      %x_nan = arith.cmpf uno, %x, %x : f64
      %y_nan = arith.cmpf uno, %y, %y : f64
      %both_nan = arith.andi %x_nan, %y_nan : i1
      %y_size = math.absf %y : f64
      %y_finite = arith.cmpf olt, %y_size, %infinity : f64
      %difference = arith.subf %x, %y : f64
      %distance = math.absf %difference : f64
      %slope = arith.mulf %relative, %y_size : f64
      %bound = arith.addf %absolute, %slope : f64
      %within = arith.cmpf ole, %distance, %bound : f64
      %near = arith.andi %y_finite, %within : i1
      %same = arith.ori %equal, %both_nan : i1
      %ok = arith.ori %same, %near : i1
      cf.assert %ok, "expected almost the same values"
    }
    return
  }

  func.func private @check_types_and_shapes(%a: !hal.buffer_view, %b: !hal.buffer_view) {
    %a_type = hal.buffer_view.element_type<%a : !hal.buffer_view> : i32
    %b_type = hal.buffer_view.element_type<%b : !hal.buffer_view> : i32
    %same_type = arith.cmpi eq, %a_type, %b_type : i32
    cf.assert %same_type, "expected the same element type"
    %a_rank = hal.buffer_view.rank<%a : !hal.buffer_view> : index
    %b_rank = hal.buffer_view.rank<%b : !hal.buffer_view> : index
    %same_rank = arith.cmpi eq, %a_rank, %b_rank : index
    cf.assert %same_rank, "expected the same rank"
    // The dimension to ask for is part of the instruction; the script writes a comparison for each.
    // DIMENSIONS
    return
  }

  func.func private @width_of(%type: i32) -> index {
    %mask = arith.constant 255 : i32
    %three = arith.constant 3 : i32
    %bits = arith.andi %type, %mask : i32
    %bytes = arith.shrui %bits, %three : i32
    %zero = arith.constant 0 : i32
    %ok = arith.cmpi ne, %bytes, %zero : i32
    cf.assert %ok, "unsupported element type"
    %width = arith.index_cast %bytes : i32 to index
    return %width : index
  }

  func.func private @load_bits(%buffer: !hal.buffer, %at: index, %width: index) -> i64 {
    %zero = arith.constant 0 : index
    %one = arith.constant 1 : index
    %zero_bits = arith.constant 0 : i64
    %eight = arith.constant 8 : i64
    %bits = scf.for %i = %zero to %width step %one iter_args(%sum = %zero_bits) -> (i64) {
      %from = arith.addi %at, %i : index
      %byte = hal.buffer.load<%buffer : !hal.buffer>[%from] : i8
      %wide = arith.extui %byte : i8 to i64
      %place = arith.index_cast %i : index to i64
      %shift = arith.muli %place, %eight : i64
      %moved = arith.shli %wide, %shift : i64
      %next = arith.ori %sum, %moved : i64
      scf.yield %next : i64
    }
    return %bits : i64
  }

  // A float of any supported type as f64. Source: iree/base/internal/math.h.
  func.func private @decode(%type: i32, %bits: i64) -> f64 {
    %f64_type = arith.constant 553648192 : i32
    %is_f64 = arith.cmpi eq, %type, %f64_type : i32
    %value = scf.if %is_f64 -> f64 {
      %as_f64 = arith.bitcast %bits : i64 to f64
      scf.yield %as_f64 : f64
    } else {
      %narrow = arith.trunci %bits : i64 to i32
      %f32_bits = func.call @f32_bits(%type, %narrow) : (i32, i32) -> i32
      %as_f32 = arith.bitcast %f32_bits : i32 to f32
      %wide = arith.extf %as_f32 : f32 to f64
      scf.yield %wide : f64
    }
    return %value : f64
  }

  func.func private @f32_bits(%type: i32, %bits: i32) -> i32 {
    %f32_type = arith.constant 553648160 : i32
    %is_f32 = arith.cmpi eq, %type, %f32_type : i32
    cf.cond_br %is_f32, ^done(%bits : i32), ^not_f32
  ^not_f32:
    %sixteen = arith.constant 16 : i32
    %bf16_type = arith.constant 570425360 : i32
    %is_bf16 = arith.cmpi eq, %type, %bf16_type : i32
    %bf16_bits = arith.shli %bits, %sixteen : i32
    cf.cond_br %is_bf16, ^done(%bf16_bits : i32), ^not_bf16
  ^not_bf16:
    // 8 bits of exponent and nothing else: a f32 but for zero, which is the smallest power.
    %e8m0_type = arith.constant 671088648 : i32
    %is_e8m0 = arith.cmpi eq, %type, %e8m0_type : i32
    cf.cond_br %is_e8m0, ^e8m0, ^not_e8m0
  ^e8m0:
    %zero_e = arith.constant 0 : i32
    %smallest = arith.constant 0x00400000 : i32
    %nan_e = arith.constant 0x7FC00000 : i32
    %all_ones = arith.constant 255 : i32
    %mantissa_bits = arith.constant 23 : i32
    %e_is_zero = arith.cmpi eq, %bits, %zero_e : i32
    %e_is_nan = arith.cmpi eq, %bits, %all_ones : i32
    %power = arith.shli %bits, %mantissa_bits : i32
    %power_or_smallest = arith.select %e_is_zero, %smallest, %power : i32
    %e8m0_bits = arith.select %e_is_nan, %nan_e, %power_or_smallest : i32
    cf.br ^done(%e8m0_bits : i32)
  ^not_e8m0:
    %f16_type = arith.constant 553648144 : i32
    %e5m2_type = arith.constant 603979784 : i32
    %e4m3fn_type = arith.constant 620756992 : i32
    %e5m2fnuz_type = arith.constant 637534216 : i32
    %e4m3fnuz_type = arith.constant 654311432 : i32
    %is_f16 = arith.cmpi eq, %type, %f16_type : i32
    %is_e5m2 = arith.cmpi eq, %type, %e5m2_type : i32
    %is_e4m3fn = arith.cmpi eq, %type, %e4m3fn_type : i32
    %is_e5m2fnuz = arith.cmpi eq, %type, %e5m2fnuz_type : i32
    %is_e4m3fnuz = arith.cmpi eq, %type, %e4m3fnuz_type : i32
    %ieee = arith.ori %is_f16, %is_e5m2 : i1
    %fnuz = arith.ori %is_e5m2fnuz, %is_e4m3fnuz : i1
    %known_1 = arith.ori %ieee, %fnuz : i1
    %known = arith.ori %known_1, %is_e4m3fn : i1
    cf.assert %known, "unsupported element type"
    %two = arith.constant 2 : i32
    %three = arith.constant 3 : i32
    %ten = arith.constant 10 : i32
    %one = arith.constant 1 : i32
    %zero = arith.constant 0 : i32
    %is_e4m3 = arith.ori %is_e4m3fn, %is_e4m3fnuz : i1
    %m_of_8 = arith.select %is_e4m3, %three, %two : i32
    %m_width = arith.select %is_f16, %ten, %m_of_8 : i32
    %four = arith.constant 4 : i32
    %five = arith.constant 5 : i32
    %e_width = arith.select %is_e4m3, %four, %five : i32
    %e_less = arith.subi %e_width, %one : i32
    %half = arith.shli %one, %e_less : i32
    %fnuz_more = arith.extui %fnuz : i1 to i32
    %half_less = arith.subi %half, %one : i32
    %bias = arith.addi %half_less, %fnuz_more : i32
    %m_over = arith.shli %one, %m_width : i32
    %m_mask = arith.subi %m_over, %one : i32
    %e_over = arith.shli %one, %e_width : i32
    %e_mask = arith.subi %e_over, %one : i32
    %m = arith.andi %bits, %m_mask : i32
    %e_and_sign = arith.shrui %bits, %m_width : i32
    %e = arith.andi %e_and_sign, %e_mask : i32
    %sign = arith.shrui %e_and_sign, %e_width : i32
    %thirty_one = arith.constant 31 : i32
    %sign_bit = arith.shli %sign, %thirty_one : i32
    %nan = arith.constant 0x7FC00000 : i32
    %infinity = arith.constant 0x7F800000 : i32
    // Not numbers, and infinities.
    %e_full = arith.cmpi eq, %e, %e_mask : i32
    %e_none = arith.cmpi eq, %e, %zero : i32
    %m_full = arith.cmpi eq, %m, %m_mask : i32
    %m_none = arith.cmpi eq, %m, %zero : i32
    %negative = arith.cmpi ne, %sign, %zero : i32
    %ones = arith.andi %e_full, %m_full : i1
    %fn_nan = arith.andi %is_e4m3fn, %ones : i1
    %none = arith.andi %e_none, %m_none : i1
    %negative_none = arith.andi %negative, %none : i1
    %fnuz_nan = arith.andi %fnuz, %negative_none : i1
    %ieee_full = arith.andi %ieee, %e_full : i1
    %ieee_infinity = arith.andi %ieee_full, %m_none : i1
    %true = arith.constant true
    %m_some = arith.xori %m_none, %true : i1
    %ieee_nan = arith.andi %ieee_full, %m_some : i1
    %nan_1 = arith.ori %fn_nan, %fnuz_nan : i1
    %is_nan = arith.ori %nan_1, %ieee_nan : i1
    // Numbers: a scaled integer where there is no leading one, else exponent and mantissa moved.
    %f32_m = arith.constant 23 : i32
    %f32_bias = arith.constant 127 : i32
    %m_shift = arith.subi %f32_m, %m_width : i32
    %m_moved = arith.shli %m, %m_shift : i32
    %e_apart = arith.subi %f32_bias, %bias : i32
    %e_rebased = arith.addi %e, %e_apart : i32
    %e_moved = arith.shli %e_rebased, %f32_m : i32
    %normal = arith.ori %e_moved, %m_moved : i32
    %m_float = arith.uitofp %m : i32 to f32
    %scale_e_1 = arith.addi %e_apart, %one : i32
    %scale_e = arith.subi %scale_e_1, %m_width : i32
    %scale_bits = arith.shli %scale_e, %f32_m : i32
    %scale = arith.bitcast %scale_bits : i32 to f32
    %small = arith.mulf %m_float, %scale : f32
    %small_bits = arith.bitcast %small : f32 to i32
    %magnitude = arith.select %e_none, %small_bits, %normal : i32
    %finite = arith.ori %magnitude, %sign_bit : i32
    %infinite = arith.ori %infinity, %sign_bit : i32
    %number = arith.select %ieee_infinity, %infinite, %finite : i32
    %result = arith.select %is_nan, %nan, %number : i32
    cf.br ^done(%result : i32)
  ^done(%f32: i32):
    return %f32 : i32
  }
}
