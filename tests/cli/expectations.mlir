// What the tests of `eerie check` run: tests that hold, that fail, and what is no test.
util.global private mutable @count = 0 : i32

func.func @holds() {
  %a = util.unfoldable_constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>
  %b = util.unfoldable_constant dense<10.0> : tensor<4xf32>
  %0 = arith.mulf %a, %b : tensor<4xf32>
  check.expect_eq_const(%0, dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>) : tensor<4xf32>
  check.expect_almost_eq_const(%0, dense<[10.0, 20.0, 30.0, 40.0]> : tensor<4xf32>, atol 1.0e-4) : tensor<4xf32>
  return
}
func.func @counts_once() {
  %0 = util.global.load @count : i32
  %c1 = arith.constant 1 : i32
  %1 = arith.addi %0, %c1 : i32
  util.global.store %1, @count : i32
  %2 = arith.cmpi eq, %1, %c1 : i32
  %3 = arith.extui %2 : i1 to i32
  check.expect_true(%3) : i32
  return
}
func.func @counts_once_too() {
  %0 = util.global.load @count : i32
  %c1 = arith.constant 1 : i32
  %1 = arith.addi %0, %c1 : i32
  util.global.store %1, @count : i32
  %2 = arith.cmpi eq, %1, %c1 : i32
  %3 = arith.extui %2 : i1 to i32
  check.expect_true(%3) : i32
  return
}
