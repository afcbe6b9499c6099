// Tests as they are compiled for iree-check-module: some hold, the others fail in one way each.
func.func @holds() {
  %a = util.unfoldable_constant dense<[1.0, 2.0]> : tensor<2xf32>
  %b = util.unfoldable_constant dense<[1.0, 2.0]> : tensor<2xf32>
  check.expect_eq(%a, %b) : tensor<2xf32>
  check.expect_almost_eq(%a, %b) : tensor<2xf32>
  check.expect_eq_const(%a, dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  check.expect_almost_eq_const(%a, dense<[1.0, 2.00001]> : tensor<2xf32>) : tensor<2xf32>
  %i = util.unfoldable_constant dense<[1, -2]> : tensor<2xi32>
  check.expect_all_true(%i) : tensor<2xi32>
  %t = util.unfoldable_constant 1 : i32
  check.expect_true(%t) : i32
  %z = util.unfoldable_constant 0 : i32
  check.expect_false(%z) : i32
  return
}

func.func @equal() {
  %a = util.unfoldable_constant dense<[[1.0, 2.0], [3.0, 4.0]]> : tensor<2x2xf32>
  check.expect_eq_const(%a, dense<[[1.0, 2.0], [3.5, 4.5]]> : tensor<2x2xf32>) : tensor<2x2xf32>
  return
}

func.func @almost() {
  %a = util.unfoldable_constant dense<[1.0, 2.0]> : tensor<2xf32>
  check.expect_almost_eq_const(%a, dense<[1.0, 2.5]> : tensor<2xf32>) : tensor<2xf32>
  return
}

func.func @all() {
  %i = util.unfoldable_constant dense<[1, 0, 3]> : tensor<3xi8>
  check.expect_all_true(%i) : tensor<3xi8>
  return
}

func.func @true_scalar() {
  %z = util.unfoldable_constant 0 : i32
  check.expect_true(%z) : i32
  return
}

func.func @false_scalar() {
  %z = util.unfoldable_constant 7 : i32
  check.expect_false(%z) : i32
  return
}

// One that does not hold lets those behind it be checked all the same.
func.func @several() {
  %a = util.unfoldable_constant dense<[1.0, 2.0]> : tensor<2xf32>
  check.expect_eq_const(%a, dense<[1.0, 3.0]> : tensor<2xf32>) : tensor<2xf32>
  check.expect_eq_const(%a, dense<[1.0, 2.0]> : tensor<2xf32>) : tensor<2xf32>
  %z = util.unfoldable_constant 7 : i32
  check.expect_false(%z) : i32
  return
}
