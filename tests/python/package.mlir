// What the Python package is tried with.

func.func @multiply(%a: tensor<4xf32>, %b: tensor<4xf32>) -> tensor<4xf32> {
  %0 = arith.mulf %a, %b : tensor<4xf32>
  return %0 : tensor<4xf32>
}

func.func @rows(%a: tensor<?x3xi32>) -> (tensor<?x3xi32>, tensor<?x3xi32>) {
  %0 = arith.addi %a, %a : tensor<?x3xi32>
  %1 = arith.muli %a, %a : tensor<?x3xi32>
  return %0, %1 : tensor<?x3xi32>, tensor<?x3xi32>
}

func.func @scalars(%i: i32, %l: i64, %f: f32) -> (i32, i64, f32) {
  %0 = arith.addi %i, %i : i32
  %1 = arith.addi %l, %l : i64
  %2 = arith.addf %f, %f : f32
  return %0, %1, %2 : i32, i64, f32
}

func.func @half(%x: tensor<3xf16>) -> tensor<3xf16> {
  %0 = arith.addf %x, %x : tensor<3xf16>
  return %0 : tensor<3xf16>
}

func.func @brain(%x: tensor<3xbf16>) -> tensor<3xbf16> {
  %0 = arith.addf %x, %x : tensor<3xbf16>
  return %0 : tensor<3xbf16>
}

func.func @logic(%x: tensor<4xi1>) -> tensor<4xi1> {
  %t = arith.constant dense<true> : tensor<4xi1>
  %0 = arith.xori %x, %t : tensor<4xi1>
  return %0 : tensor<4xi1>
}

func.func @nothing(%x: tensor<2xf64>) {
  return
}

util.global private mutable @count = dense<0> : tensor<i32>
func.func @next() -> tensor<i32> {
  %one = arith.constant dense<1> : tensor<i32>
  %old = util.global.load @count : tensor<i32>
  %new = arith.addi %old, %one : tensor<i32>
  util.global.store %new, @count : tensor<i32>
  return %new : tensor<i32>
}
