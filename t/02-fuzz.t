#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The fuzz targets keep their promises for all seeds (t/fuzz/README).

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;
use EventStream::Source;

my $seeds = srcdir() . '/t/fuzz/seeds';
my $built = EventStream::Httpd::builddir() . '/t/fuzz';
my @targets = map { m{/fuzz_(\w+)\.c$} ? $1 : () }
    glob srcdir() . '/t/fuzz/fuzz_*.c';
my %left = map { m{([^/]+)$} ? ($1 => 1) : () } glob "$seeds/*";

cmp_ok scalar @targets, '>', 0, 'there are fuzz targets';
for my $target (@targets) {
    my @files = glob "$seeds/$target/*";
    my $output = `'$built/fuzz_$target' '$seeds/$target' 2>&1`;
    my $status = $?;
    is $status, 0, "$target: keeps its promises for all seeds";
    diag($output) if $status != 0;
    like $output, qr/^@{[scalar @files]}$/m, "$target: reads every seed";
    cmp_ok scalar @files, '>', 0, "$target: has seeds";
    delete $left{$target};
}
is join(' ', sort keys %left), '', 'each folder of seeds belongs to a target';
done_testing;
