#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# t/tls/tests tells of each system test whether it runs over TLS, or why it does
# not.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my @lines = grep { /\S/ && !/^#/ } split /\n/, text_of('t/tls/tests');
cmp_ok scalar @lines, '>', 50, 't/tls/tests has lines';
complain('each line is check NAME [1.2], more NAME or plain NAME WHY',
    grep { !/\A(?:check\ \S+(?:\ 1\.2)?|more\ \S+|plain\ \S+\ \S.*)\z/x }
        @lines);

my %count;
$count{(split)[1]}++ for @lines;
complain('no test stands there twice',
    grep { $count{$_} > 1 } sort keys %count);
my @tests = map { m{([^/]+)\.t$} } grep { !/00-/ }
    glob srcdir() . '/t/[0-9]*.t';
my %is_test = map { ($_ => 1) } @tests;
complain('each system test stands there', grep { !$count{$_} } @tests);
complain('each name there is that of a test',
    grep { !$is_test{$_} } sort keys %count);
done_testing;
