// What the tests of `eerie check` run and must find failing.
func.func @holds() {
  %c1 = util.unfoldable_constant 1 : i32
  check.expect_true(%c1) : i32
  return
}
func.func @differs_twice() {
  %0 = util.unfoldable_constant dense<[1, 2, 3]> : tensor<3xi32>
  check.expect_eq_const(%0, dense<[1, 5, 3]> : tensor<3xi32>) : tensor<3xi32>
  check.expect_eq_const(%0, dense<[1, 2, 7]> : tensor<3xi32>) : tensor<3xi32>
  return
}
func.func @divides_by_zero() {
  %c0 = util.unfoldable_constant 0 : i32
  %c7 = util.unfoldable_constant 7 : i32
  %0 = arith.divsi %c7, %c0 : i32
  check.expect_true(%0) : i32
  return
}
func.func @asserts() {
  %c0 = util.unfoldable_constant 0 : i1
  cf.assert %c0, "words of the module"
  return
}
func.func @takes_a_number(%a: i32) {
  check.expect_true(%a) : i32
  return
}
