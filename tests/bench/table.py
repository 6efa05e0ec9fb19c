"""The results of tests/bench/run: a table, and the same as a file and a chart."""

import shutil
import statistics
import subprocess
import sys


def median(values):
    return statistics.median(values)


def seconds(x):
    return f'{x:.2f} s' if x >= 0.1 else f'{x * 1e3:.2f} ms' if x >= 0.001 else f'{x * 1e6:.0f} us'


def megabytes(x):
    return f'{x / 1e6:.1f} MB'


def ratio(x):
    return f'{x:.2f}'


def limit(x, most, show):
    """A limit as it is shown, if there is one; with a '!' if x is above it."""
    return '' if most is None else show(most) + '!' * (x > most)


def cpu_of(runs):
    """The part of the time that a program computed itself, if it ran long enough to tell."""
    shares = [run.user / run.seconds for run in runs if run.seconds > 0.2]
    return f'{100 * median(shares):.0f}%' if shares else ''


class Table:
    """Rows of: what, beside what, ours and theirs as they are shown, their ratio and its spread, our part of the CPU,
    and the limits."""

    HEAD = ('what', 'beside', 'ours', 'theirs', 'ratio', 'spread', 'user CPU', 'limit')

    def __init__(self):
        self.rows, self.notes = [], []

    def add(self, what, beside, ours, theirs='', ratio='', spread='', cpu='', limit=''):
        self.rows.append((what, beside, ours, theirs, ratio, spread, cpu, limit))
        print('.', end='', file=sys.stderr, flush=True)

    def note(self, words):
        """A line above the table, once."""
        if words not in self.notes:
            self.notes.append(words)

    def text(self):
        widths = [max(len(row[i]) for row in [self.HEAD, *self.rows]) for i in range(len(self.HEAD))]
        left = (0, 1)
        lines = []
        for row in [self.HEAD, *self.rows]:
            cells = (cell.ljust(n) if i in left else cell.rjust(n) for i, (cell, n) in enumerate(zip(row, widths)))
            lines.append('  '.join(cells).rstrip())
        return '\n'.join(lines)

    def report(self, build, head):
        print('', head, *self.notes, '', self.text(), sep='\n')
        with open(f'{build}/bench.tsv', 'w', encoding='utf-8') as out:
            out.writelines('\t'.join(row) + '\n' for row in [self.HEAD, *self.rows])
        if shutil.which('gnuplot'):
            self.draw(build, head)

    def draw(self, build, head):
        """The ratios as bars, the longest at the top of the scale."""
        rows = [row for row in self.rows if row[4]]
        data = ''.join(f'"{row[0]} : {row[1]}"\t{row[4]}\t{row[5].replace("-", chr(9)) or row[4] + chr(9) + row[4]}\n'
                       for row in reversed(rows))
        script = f'''set terminal svg size 900,{80 + 26 * len(rows)} font "sans-serif,12"
set output "{build}/bench.svg"
set label "{head}" at screen 0.5, screen 0.97 center
set tmargin 3
set xlabel "ratio to the other (less is better)"
set xrange [0:*]
set yrange [-0.6:{len(rows) - 0.4}]
set arrow from 1,-0.6 to 1,{len(rows) - 0.4} nohead dashtype 2
set style fill solid 0.6
unset key
$data << EOD
{data}EOD
plot $data using ($2/2):0:($2/2):(0.35):ytic(1) with boxxyerror, "" using 2:0:3:4 with xerrorbars pt 0 lc "black"
'''
        subprocess.run(['gnuplot'], input=script, text=True, check=True)
