#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# The form of what we write: clang-format where it is, and what can be seen
# without it.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my (@tabs, @blanks, @wide, @spdx, @ends, @comments, @assigned, @long);
for my $path (project_files()) {
    my $text = text_of($path);
    my $is_c = $path =~ /\.[ch]$/;
    my $is_code = $path =~ m{\.([ch]|t|pm|sh|pl|js|mjs|css)$|/run(-all)?$};
    push @ends, $path if $text !~ /[^\n]\n\z/ || $text =~ /\r/;
    push @spdx, $path
        if $is_code && $text !~ /\A(#!.*\n)?.{0,3}SPDX-License-Identifier:/;
    my $number = 0;
    for my $line (split /\n/, $text) {
        my $at = "$path:" . ++$number;
        push @tabs, $at if $line =~ /\t/ && $path !~ /\.am$/;
        push @blanks, $at if $line =~ /[ \t]$/ && $path !~ /\.md$/;
        push @wide, $at if $is_code && length $line > 80;
        next if !$is_c;
        push @comments, $at if $line =~ m{^\s*//|[;{}]\s*//};
        push @assigned, $at
            if $line =~ /^\s*(\} else )?if\s*\(.*[\w\])] = [^=]/;
    }
    push @long, "$path: $number lines"
        if $number > 500 && $path =~ /^(src|mod_eventstream)/;
}
complain('a file ends with one LF, and no line with CR', @ends);
complain('code starts with its SPDX line', @spdx);
complain('no tabs', @tabs);
complain('no blanks at the end of a line', @blanks);
complain('80 columns', @wide);
complain('C comments are /* */', @comments);
complain('no assignment inside if', @assigned);
complain('a file has one noun (500 lines)', @long);

# Versions of clang-format differ; Debian 12's is the one we look at.
SKIP: {
    my $version = `clang-format --version 2>/dev/null` || '';
    skip 'no clang-format 14', 1 if $version !~ /version 14\./;
    my $dir = srcdir();
    my @files = map { "'$dir/$_'" } grep { /\.[ch]$/ } project_files();
    my @found = `clang-format --style=file --dry-run @files 2>&1`;
    my %seen;
    complain('as clang-format has it (clang-format -i mends it)',
        grep { !$seen{$_}++ }
            map { m{^\Q$dir\E/(.*?:\d+):\d+: warning} } @found);
}
done_testing;
