-- Feeds Spiker+'s network one line of `frames.txt` for each pulse of `sample`, and writes what can be seen of every step.
-- A line of `seen.txt`: hidden spikes of the step before, output spikes, membranes of the output; "end CYCLES" after an image.

library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;
library std;
use std.textio.all;
use std.env.all;

entity bench is
    generic (inputs : positive := 784; hidden : positive := 128; outputs : positive := 10; membrane_bits : positive := 10);
end entity;

architecture behaviour of bench is
    signal clk : std_logic := '0';
    signal rst_n : std_logic := '0';
    signal start : std_logic := '0';
    signal ready, sample : std_logic;
    signal in_spikes : std_logic_vector(inputs - 1 downto 0) := (others => '0');
    signal out_spikes : std_logic_vector(outputs - 1 downto 0);
    signal hidden_spikes : std_logic_vector(hidden - 1 downto 0);
    signal membranes : signed(outputs * membrane_bits - 1 downto 0);
begin
    clk <= not clk after 5 ns;

    dut : entity work.network port map (
        clk => clk, rst_n => rst_n, start => start, sample_ready => '1', ready => ready, sample => sample,
        layer_0_seen => hidden_spikes,
        in_spikes => in_spikes, out_spikes => out_spikes, neuron_dp_none_v => membranes);

    run : process
        file frames : text open read_mode is "frames.txt";
        file seen : text open write_mode is "seen.txt";
        variable frame, row : line;
        variable bits : bit_vector(inputs - 1 downto 0);
        variable cycles : natural;

        procedure observe is
        begin
            write(row, to_bitvector(hidden_spikes));
            write(row, string'(" "));
            write(row, to_bitvector(out_spikes));
            for neuron in 0 to outputs - 1 loop
                write(row, string'(" "));
                write(row, to_integer(membranes((neuron + 1) * membrane_bits - 1 downto neuron * membrane_bits)));
            end loop;
            writeline(seen, row);
        end procedure;
    begin
        for edge in 1 to 4 loop wait until rising_edge(clk); end loop;
        rst_n <= '1';
        while not endfile(frames) loop
            wait until rising_edge(clk) and ready = '1';
            start <= '1';
            wait until rising_edge(clk);
            start <= '0';
            cycles := 0;
            wait until rising_edge(clk);
            loop
                cycles := cycles + 1;
                exit when ready = '1';
                if sample = '1' then
                    observe;
                    readline(frames, frame);
                    read(frame, bits);
                    in_spikes <= to_stdlogicvector(bits);
                end if;
                wait until rising_edge(clk);
            end loop;
            observe;
            write(row, "end " & integer'image(cycles));
            writeline(seen, row);
        end loop;
        stop;
    end process;
end architecture;
