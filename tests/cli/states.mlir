// A recurrent cell with two tensors of state: one function stores and returns both, another one.
util.global private mutable @cell = dense<[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]> : tensor<2x3xf32>
util.global private mutable @hidden = dense<0.5> : tensor<5xf32>

func.func @step(%x: tensor<5xf32>) -> (tensor<5xf32>, tensor<2x3xf32>) {
  %half = arith.constant dense<0.5> : tensor<2x3xf32>
  %cell = util.global.load @cell : tensor<2x3xf32>
  %hidden = util.global.load @hidden : tensor<5xf32>
  %sum = arith.addf %hidden, %x : tensor<5xf32>
  %new_hidden = arith.mulf %sum, %x : tensor<5xf32>
  %scaled = arith.mulf %cell, %half : tensor<2x3xf32>
  %new_cell = arith.subf %scaled, %cell : tensor<2x3xf32>
  util.global.store %new_cell, @cell : tensor<2x3xf32>
  util.global.store %new_hidden, @hidden : tensor<5xf32>
  return %new_hidden, %new_cell : tensor<5xf32>, tensor<2x3xf32>
}

func.func @turn() -> tensor<5xf32> {
  %hidden = util.global.load @hidden : tensor<5xf32>
  %new_hidden = arith.negf %hidden : tensor<5xf32>
  util.global.store %new_hidden, @hidden : tensor<5xf32>
  return %new_hidden : tensor<5xf32>
}

func.func @look() -> (tensor<5xf32>, tensor<2x3xf32>) {
  %cell = util.global.load @cell : tensor<2x3xf32>
  %hidden = util.global.load @hidden : tensor<5xf32>
  return %hidden, %cell : tensor<5xf32>, tensor<2x3xf32>
}

// Each becomes twice the other: neither may be overwritten before it has been read.
util.global private mutable @left = dense<[1.0, 2.0]> : tensor<2xf32>
util.global private mutable @right = dense<[30.0, 40.0]> : tensor<2xf32>

func.func @exchange() -> (tensor<2xf32>, tensor<2xf32>) {
  %left = util.global.load @left : tensor<2xf32>
  %right = util.global.load @right : tensor<2xf32>
  %new_left = arith.addf %right, %right : tensor<2xf32>
  util.global.store %new_left, @left : tensor<2xf32>
  %new_right = arith.addf %left, %left : tensor<2xf32>
  util.global.store %new_right, @right : tensor<2xf32>
  %sum = arith.addf %left, %right : tensor<2xf32>
  return %left, %sum : tensor<2xf32>, tensor<2xf32>
}
