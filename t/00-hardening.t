#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The built module has what configure --enable-hardening promises.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Httpd;
use EventStream::Source;

plan skip_all => 'configured without hardening, or with a sanitizer'
    if EventStream::Httpd->build('hardened') ne 'yes';

my @built = map { builddir() . "/$_" }
    '.libs/mod_eventstream.so', 'tools/eventstream-tail';

for my $file (@built) {
    (my $name = $file) =~ s{.*/}{};
    my $dynamic = `LC_ALL=C readelf -dW '$file'`;
    my $segments = `LC_ALL=C readelf -lW '$file'`;
    is $?, 0, "$name: readelf reads it (package binutils)";
    like $segments, qr/GNU_RELRO/,
        "$name: tables of addresses are read-only once it is loaded";
    like $dynamic, qr/BIND_NOW|FLAGS_1\b.*\bNOW\b/,
        "$name: all of them, since all are resolved then";
    like $segments, qr/GNU_STACK .* RW +0x/, "$name: no stack is executable";
    unlike $segments, qr/LOAD .* RWE /,
        "$name: nothing is writable and executable";
    unlike $dynamic, qr/TEXTREL/, "$name: its code is not changed by loading";
}

my $symbols = `LC_ALL=C nm -D --undefined-only '$built[0]'`;
like $symbols, qr/\b__stack_chk_fail\b/,
    'the module: functions with arrays look for overflows of the stack';
SKIP: {
    my $flags = `sed -n 's/^CFLAGS = //p' '@{[builddir()]}/Makefile'`;
    skip 'without optimization glibc checks nothing', 1
        if $flags !~ /-O[1-9sg]/;
    like $symbols, qr/\b__(?:mem|str|v?snprintf)\w*_chk\b/,
        'the module: copies of known size are checked';
}
done_testing;
