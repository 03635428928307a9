// Writes down what a register holds after each cycle in which it was loaded with something valid, a line each.
module tap #(parameter WIDTH = 1, parameter FILE = "tap.txt") (
    input clock,
    input loads,
    input valid,
    input [WIDTH-1:0] held
);
    integer file;
    reg loaded = 0;
    initial file = $fopen(FILE, "w");
    always @(posedge clock) begin
        loaded <= loads;
        if (loaded && valid) $fdisplay(file, "%b", held);
    end
endmodule
