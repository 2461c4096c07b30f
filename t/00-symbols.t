#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The built module exports eventstream_module and nothing else, and has the
# instructions that the walk over a channel's clients is fast by.

use strict;
use warnings;
use FindBin;
use POSIX qw(uname);
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my $module = builddir() . '/.libs/mod_eventstream.so';
ok -f $module, 'the module is built' or diag $module;
my @lines = `nm -D --defined-only '$module'`;
is $?, 0, 'nm reads the module (package binutils)';
my @names = map { (split)[-1] } @lines;
# symbols that the compiler adds in a build with sanitizers
@names = grep { !/^__(asan|odr_asan|ubsan|sanitizer|tsan)/ } @names;
is_deeply \@names, ['eventstream_module'],
    'the only exported symbol is eventstream_module';

# gcc removes calls of a function that only prefetches, without a warning
SKIP: {
    my %of = (x86_64 => qr/\tprefetch/, aarch64 => qr/\tprfm/);
    my $wanted = $of{(uname)[4]};
    skip 'not known for this machine', 1 unless $wanted;
    my $count = grep { /$wanted/ } `objdump -d --no-show-raw-insn '$module'`;
    cmp_ok $count, '>=', 4, 'link, conn, client and sink are prefetched';
}
done_testing;
