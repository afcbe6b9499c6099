// What the two implementations of `check` have to agree about: functions named fail_* expect what is
// not so.
func.func @f32() {
  %a = util.unfoldable_constant dense<[1.0, -2.0, 0x7F800000, 0x7FC00000]> : tensor<4xf32>
  check.expect_eq_const(%a, dense<[1.0, -2.0, 0x7F800000, 0x7FC00000]> : tensor<4xf32>) : tensor<4xf32>
  check.expect_almost_eq_const(%a, dense<[1.00001, -2.0, 0x7F800000, 0x7FC00001]> : tensor<4xf32>) : tensor<4xf32>
  return
}
func.func @fail_f32_bits() {
  %a = util.unfoldable_constant dense<[1.0, -0.0]> : tensor<2xf32>
  check.expect_eq_const(%a, dense<[1.0, 0.0]> : tensor<2xf32>) : tensor<2xf32>
  return
}
func.func @fail_f32() {
  %a = util.unfoldable_constant dense<[1.0, -2.0]> : tensor<2xf32>
  check.expect_almost_eq_const(%a, dense<[1.001, -2.0]> : tensor<2xf32>) : tensor<2xf32>
  return
}
func.func @fail_f32_infinity() {
  %a = util.unfoldable_constant dense<[1.0, 3.0e38]> : tensor<2xf32>
  check.expect_almost_eq_const(%a, dense<[1.0, 0x7F800000]> : tensor<2xf32>) : tensor<2xf32>
  return
}
func.func @fail_f32_nan() {
  %a = util.unfoldable_constant dense<[1.0, 0x7FC00000]> : tensor<2xf32>
  check.expect_almost_eq_const(%a, dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  return
}
func.func @f64() {
  %a = util.unfoldable_constant dense<[1.0, 1.0e300]> : tensor<2xf64>
  check.expect_almost_eq_const(%a, dense<[1.00009, 1.0e300]> : tensor<2xf64>) : tensor<2xf64>
  return
}
func.func @fail_f64() {
  %a = util.unfoldable_constant dense<[1.0, 1.0e300]> : tensor<2xf64>
  check.expect_almost_eq_const(%a, dense<[1.0, 1.1e300]> : tensor<2xf64>) : tensor<2xf64>
  return
}
func.func @f16() {
  %a = util.unfoldable_constant dense<[1.0, 65504.0, 6.0e-8, -0.5, 0x7C00]> : tensor<5xf16>
  check.expect_almost_eq_const(%a, dense<[1.0, 65504.0, 0.0, -0.5, 0x7C00]> : tensor<5xf16>) : tensor<5xf16>
  return
}
func.func @fail_f16() {
  %a = util.unfoldable_constant dense<[1.0, 65504.0]> : tensor<2xf16>
  check.expect_almost_eq_const(%a, dense<[1.0, 0x7C00]> : tensor<2xf16>) : tensor<2xf16>
  return
}
func.func @fail_f16_small() {
  %a = util.unfoldable_constant dense<[1.0, 4.0e-4]> : tensor<2xf16>
  check.expect_almost_eq_const(%a, dense<[1.0, 2.0e-4]> : tensor<2xf16>) : tensor<2xf16>
  return
}
func.func @bf16() {
  %a = util.unfoldable_constant dense<[1.0, -3.0e38]> : tensor<2xbf16>
  check.expect_almost_eq_const(%a, dense<[1.0, -3.0e38]> : tensor<2xbf16>) : tensor<2xbf16>
  return
}
func.func @fail_bf16() {
  %a = util.unfoldable_constant dense<[1.0, -3.0]> : tensor<2xbf16>
  check.expect_almost_eq_const(%a, dense<[1.0, 3.0]> : tensor<2xbf16>) : tensor<2xbf16>
  return
}
func.func @integers() {
  %a = util.unfoldable_constant dense<[1, -2, 127]> : tensor<3xi8>
  check.expect_eq_const(%a, dense<[1, -2, 127]> : tensor<3xi8>) : tensor<3xi8>
  check.expect_all_true(%a) : tensor<3xi8>
  %b = util.unfoldable_constant dense<[[1], [-2]]> : tensor<2x1xi64>
  check.expect_eq_const(%b, dense<[[1], [-2]]> : tensor<2x1xi64>) : tensor<2x1xi64>
  check.expect_all_true(%b) : tensor<2x1xi64>
  return
}
func.func @fail_i8() {
  %a = util.unfoldable_constant dense<[1, -2, 127, 4, 5]> : tensor<5xi8>
  check.expect_eq_const(%a, dense<[1, -2, 127, 4, 6]> : tensor<5xi8>) : tensor<5xi8>
  return
}
func.func @fail_all_true() {
  %a = util.unfoldable_constant dense<[1, 0]> : tensor<2xi64>
  check.expect_all_true(%a) : tensor<2xi64>
  return
}
func.func @fail_shape() {
  %a = util.unfoldable_constant dense<[[1, 2]]> : tensor<1x2xi32>
  %b = util.unfoldable_constant dense<[[1], [2]]> : tensor<2x1xi32>
  %c = tensor.cast %a : tensor<1x2xi32> to tensor<?x?xi32>
  %d = tensor.cast %b : tensor<2x1xi32> to tensor<?x?xi32>
  check.expect_eq(%c, %d) : tensor<?x?xi32>
  return
}
func.func @scalars() {
  %t = util.unfoldable_constant 1 : i32
  %z = util.unfoldable_constant 0 : i32
  check.expect_true(%t) : i32
  check.expect_false(%z) : i32
  return
}
func.func @fail_true() {
  %z = util.unfoldable_constant 0 : i32
  check.expect_true(%z) : i32
  return
}
func.func @fail_false() {
  %t = util.unfoldable_constant 1 : i32
  check.expect_false(%t) : i32
  return
}
