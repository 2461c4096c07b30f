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

cmp_ok scalar @targets, '>', 0, 'there are targets';
for my $target (@targets) {
    my @files = glob "$seeds/$target/*";
    my $said = `'$built/fuzz_$target' '$seeds/$target' 2>&1`;
    my $status = $?;
    is $status, 0, "$target: all seeds";
    diag($said) if $status != 0;
    like $said, qr/^@{[scalar @files]}$/m, '... ' . @files . ' of them';
    cmp_ok scalar @files, '>', 0, '... which is some';
    delete $left{$target};
}
is join(' ', sort keys %left), '', 'all seeds belong to a target';
done_testing;
