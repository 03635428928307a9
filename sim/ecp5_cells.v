// ECP5 cells that Yosys ships no model of, or none of the form that nextpnr leaves them in.

// Block RAM of 1024 words of 18 bits. A narrower port addresses parts of a word with the low bits of AD; a port of 18
// bits has them as byte enables. DATA_WIDTH_A = 36 writes two words through DIA and DIB, DATA_WIDTH_B = 36 reads two
// through DOA and DOB.
module DP16KD (
    input DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9, DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1,
    input DIA0, ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0,
    input CEA, OCEA, CLKA, WEA, RSTA, CSA2, CSA1, CSA0,
    input DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9, DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1,
    input DIB0, ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0,
    input CEB, OCEB, CLKB, WEB, RSTB, CSB2, CSB1, CSB0,
    output DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9, DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2,
    output DOA1, DOA0,
    output DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9, DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2,
    output DOB1, DOB0
);
    parameter DATA_WIDTH_A = 18;
    parameter DATA_WIDTH_B = 18;
    parameter WRITEMODE_A = "NORMAL";
    parameter WRITEMODE_B = "NORMAL";
    parameter CLKAMUX = "CLKA";
    parameter CLKBMUX = "CLKB";
    parameter [20479:0] INIT = 0;   // bit 20 * k + b is bit b of word k

    wire [17:0] dia = {DIA17, DIA16, DIA15, DIA14, DIA13, DIA12, DIA11, DIA10, DIA9,
                       DIA8, DIA7, DIA6, DIA5, DIA4, DIA3, DIA2, DIA1, DIA0};
    wire [17:0] dib = {DIB17, DIB16, DIB15, DIB14, DIB13, DIB12, DIB11, DIB10, DIB9,
                       DIB8, DIB7, DIB6, DIB5, DIB4, DIB3, DIB2, DIB1, DIB0};
    wire [13:0] ada = {ADA13, ADA12, ADA11, ADA10, ADA9, ADA8, ADA7, ADA6, ADA5, ADA4, ADA3, ADA2, ADA1, ADA0};
    wire [13:0] adb = {ADB13, ADB12, ADB11, ADB10, ADB9, ADB8, ADB7, ADB6, ADB5, ADB4, ADB3, ADB2, ADB1, ADB0};
    reg [17:0] doa = 0, dob = 0;
    assign {DOA17, DOA16, DOA15, DOA14, DOA13, DOA12, DOA11, DOA10, DOA9,
            DOA8, DOA7, DOA6, DOA5, DOA4, DOA3, DOA2, DOA1, DOA0} = doa;
    assign {DOB17, DOB16, DOB15, DOB14, DOB13, DOB12, DOB11, DOB10, DOB9,
            DOB8, DOB7, DOB6, DOB5, DOB4, DOB3, DOB2, DOB1, DOB0} = dob;

    reg [17:0] words [0:1023];
    integer k;
    initial for (k = 0; k < 1024; k = k + 1) words[k] = INIT[20 * k +: 18];

    // The lowest bit of a word that an address of a narrow port means.
    function [4:0] first(input integer width, input [13:0] address);
        case (width)
            1: first = 9 * address[3] + address[2:0];
            2: first = 9 * address[3] + {address[2:1], 1'b0};
            4: first = 9 * address[3] + {address[2], 2'b00};
            9: first = 9 * address[3];
            default: first = 0;
        endcase
    endfunction

    // Which bits of a word a write changes.
    function [17:0] changed(input integer width, input [13:0] address);
        case (width)
            1: changed = 18'h1 << first(width, address);
            2: changed = 18'h3 << first(width, address);
            4: changed = 18'hf << first(width, address);
            9: changed = 18'h1ff << first(width, address);
            default: changed = {{9{address[1]}}, {9{address[0]}}};
        endcase
    endfunction

    function [17:0] read(input integer width, input [13:0] address, input [17:0] word);
        case (width)
            1: read = word >> first(width, address) & 18'h1;
            2: read = word >> first(width, address) & 18'h3;
            4: read = word >> first(width, address) & 18'hf;
            9: read = word >> first(width, address) & 18'h1ff;
            default: read = word;
        endcase
    endfunction

    wire clka = CLKA ^ (CLKAMUX == "INV"), clkb = CLKB ^ (CLKBMUX == "INV");
    wire [9:0] wordb = adb[13:4];
    wire [17:0] masked = changed(DATA_WIDTH_A, ada), maskedb = changed(DATA_WIDTH_B, adb);
    wire [17:0] nexta = words[ada[13:4]] & ~masked | dia << first(DATA_WIDTH_A, ada) & masked;
    wire [17:0] nextb = words[wordb] & ~maskedb | dib << first(DATA_WIDTH_B, adb) & maskedb;
    wire [17:0] low = {{9{ada[1]}}, {9{ada[0]}}}, high = {{9{ada[3]}}, {9{ada[2]}}};

    always @(posedge clka)
        if (CEA && WEA) begin
            if (DATA_WIDTH_A == 36) begin
                words[{ada[13:5], 1'b0}] <= words[{ada[13:5], 1'b0}] & ~low | dia & low;
                words[{ada[13:5], 1'b1}] <= words[{ada[13:5], 1'b1}] & ~high | dib & high;
            end else
                words[ada[13:4]] <= nexta;
        end

    always @(posedge clkb)
        if (CEB && WEB)
            words[wordb] <= nextb;

    generate
        if (DATA_WIDTH_B == 36)
            always @(posedge clkb) begin
                if (CEB) doa <= words[{adb[13:5], 1'b0}];
                if (RSTB) doa <= 0;
            end
        else
            always @(posedge clka) begin
                if (CEA && (!WEA || WRITEMODE_A == "READBEFOREWRITE"))
                    doa <= read(DATA_WIDTH_A, ada, words[ada[13:4]]);
                else if (CEA && WRITEMODE_A == "WRITETHROUGH")
                    doa <= read(DATA_WIDTH_A, ada, nexta);
                if (RSTA) doa <= 0;
            end
    endgenerate

    always @(posedge clkb) begin
        if (CEB && DATA_WIDTH_B == 36)
            dob <= words[{adb[13:5], 1'b1}];
        else if (CEB && (!WEB || WRITEMODE_B == "READBEFOREWRITE"))
            dob <= read(DATA_WIDTH_B, adb, words[wordb]);
        else if (CEB && WRITEMODE_B == "WRITETHROUGH")
            dob <= read(DATA_WIDTH_B, adb, nextb);
        if (RSTB) dob <= 0;
    end
endmodule

// Half of a CCU2C: a LUT, of which the inputs A and B alone make the carry.
module ECP5_CARRY (input A, B, C, D, FCI, output F, FCO);
    parameter [15:0] INIT = 0;
    parameter INJECT1 = "NO";
    wire lut = INIT[{D, C, B, A}], generated = INIT[{2'b00, B, A}];
    assign F = lut ^ (INJECT1 == "YES" ? 1'b0 : FCI);
    assign FCO = lut ? FCI : (INJECT1 == "YES" ? 1'b0 : generated);
endmodule

// One bit of a LUT used as memory: 16 places, read by D, B, C, A from the lowest bit on.
module ECP5_DPRAM (input A, B, C, D, WD, WAD0, WAD1, WAD2, WAD3, WRE, WCK, output F);
    parameter [15:0] INIT = 0;
    reg [15:0] places = INIT;
    always @(posedge WCK)
        if (WRE) places[{WAD3, WAD2, WAD1, WAD0}] <= WD;
    assign F = places[{A, C, B, D}];
endmodule
