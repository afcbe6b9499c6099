// A running sum: state that one function updates, another reads and a third sets back.
util.global private mutable @sum = dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>

func.func @add(%x: tensor<4xf32>) -> tensor<4xf32> {
  %sum = util.global.load @sum : tensor<4xf32>
  %new = arith.addf %sum, %x : tensor<4xf32>
  util.global.store %new, @sum : tensor<4xf32>
  %twice = arith.addf %new, %new : tensor<4xf32>
  return %twice : tensor<4xf32>
}

func.func @read() -> tensor<4xf32> {
  %sum = util.global.load @sum : tensor<4xf32>
  return %sum : tensor<4xf32>
}

func.func @reset() {
  %zero = arith.constant dense<0.0> : tensor<4xf32>
  util.global.store %zero, @sum : tensor<4xf32>
  return
}

func.func @echo(%x: tensor<4xf32>) -> (tensor<4xf32>, tensor<4xf32>, tensor<2xi32>) {
  %c = arith.constant dense<[7, 9]> : tensor<2xi32>
  return %x, %x, %c : tensor<4xf32>, tensor<4xf32>, tensor<2xi32>
}
