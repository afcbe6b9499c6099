// Exports of every kind of argument that a header has a type for.

func.func @multiply(%a: tensor<2x3xf32>, %b: tensor<2x3xf32>) -> tensor<2x3xf32> {
  %0 = arith.mulf %a, %b : tensor<2x3xf32>
  return %0 : tensor<2x3xf32>
}

// Names that C keeps for itself, and those of the header's own functions.
func.func @open(%register: tensor<3xi64>) -> tensor<3xi64> {
  %0 = arith.addi %register, %register : tensor<3xi64>
  return %0 : tensor<3xi64>
}

func.func @twice(%x: tensor<?x2xf32>) -> tensor<?x2xf32> {
  %0 = arith.addf %x, %x : tensor<?x2xf32>
  return %0 : tensor<?x2xf32>
}

func.func @scalars(%i: i32, %l: i64, %f: f32) -> (i32, i64, f32) {
  %0 = arith.addi %i, %i : i32
  %1 = arith.addi %l, %l : i64
  %2 = arith.addf %f, %f : f32
  return %0, %1, %2 : i32, i64, f32
}

func.func @rank0(%x: tensor<i8>) -> (tensor<i8>, tensor<4xi1>) {
  %c = arith.constant dense<[true, false, true, false]> : tensor<4xi1>
  return %x, %c : tensor<i8>, tensor<4xi1>
}

// State stays in the model.
util.global private mutable @count = dense<0> : tensor<i32>
func.func @next() -> tensor<i32> {
  %one = arith.constant dense<1> : tensor<i32>
  %old = util.global.load @count : tensor<i32>
  %new = arith.addi %old, %one : tensor<i32>
  util.global.store %new, @count : tensor<i32>
  return %new : tensor<i32>
}
