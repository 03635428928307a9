// A design around a generated core: frames in, scores and the last class out. Made for any network:
//
//     spikeloom generate NETWORK.qsnn --axi -o network.v
//
// SCORE_BITS is the width of m_axis_tdata in network.v. The AXI4-Lite port is passed on; tied off, it costs nothing.

module classifier #(parameter SCORE_BITS = 8) (
    input clk,
    input reset_n,

    input [15:0] frame_data,
    input frame_valid,
    input frame_last,
    output frame_ready,

    output [SCORE_BITS - 1:0] score,
    output score_valid,
    output score_last,
    input score_ready,
    output reg [15:0] label,

    input [7:0] awaddr,
    input awvalid,
    output awready,
    input [31:0] wdata,
    input [3:0] wstrb,
    input wvalid,
    output wready,
    output [1:0] bresp,
    output bvalid,
    input bready,
    input [7:0] araddr,
    input arvalid,
    output arready,
    output [31:0] rdata,
    output [1:0] rresp,
    output rvalid,
    input rready
);
    wire [15:0] best;

    network network (
        .aclk(clk), .aresetn(reset_n),
        .s_axis_tdata(frame_data), .s_axis_tvalid(frame_valid), .s_axis_tready(frame_ready), .s_axis_tlast(frame_last),
        .m_axis_tdata(score), .m_axis_tuser(best), .m_axis_tvalid(score_valid), .m_axis_tready(score_ready),
        .m_axis_tlast(score_last),
        .s_axi_awaddr(awaddr), .s_axi_awprot(3'b000), .s_axi_awvalid(awvalid), .s_axi_awready(awready),
        .s_axi_wdata(wdata), .s_axi_wstrb(wstrb), .s_axi_wvalid(wvalid), .s_axi_wready(wready),
        .s_axi_bresp(bresp), .s_axi_bvalid(bvalid), .s_axi_bready(bready),
        .s_axi_araddr(araddr), .s_axi_arprot(3'b000), .s_axi_arvalid(arvalid), .s_axi_arready(arready),
        .s_axi_rdata(rdata), .s_axi_rresp(rresp), .s_axi_rvalid(rvalid), .s_axi_rready(rready)
    );

    always @(posedge clk)
        if (!reset_n)
            label <= 0;
        else if (score_valid && score_ready && score_last)
            label <= best;
endmodule
