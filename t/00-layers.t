#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Include lines go down or stay level; layers below http know no httpd; each
# foreign library has its door.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my %may_see = (
    base => [qw(base)],
    grip => [qw(grip base)],
    store => [qw(store base)],
    cluster => [qw(cluster store base)],
    deliver => [qw(deliver store base)],
    http => [qw(http deliver cluster store grip base)],
    glue => [qw(glue http deliver cluster store grip base)],
);

# library => [its headers, files that may include them]
my %doors = (
    libjwt => [qr/^jwt\.h$/, qr/^es_jwt\.c$/],
    libcrypto => [qr/^openssl\//, qr/^es_pem\.c$/],
    libcurl => [qr/^curl\//, qr/^es_grip_client\.c$/],
    Redis => [qr/^(hiredis|valkey)\b/, qr/^es_redis\.c$/],
    jansson => [qr/^jansson\.h$/,
        qr/json|^es_jwk\.c$|^es_instruct\.c$|^es_status\.c$/],
);

my $httpd = qr/^(httpd|http_\w+|ap_\w+|util_\w+|mpm_common|scoreboard|mod_\w+
    |unixd)\.h$/x;
my $impure = qr{^(pthread|unistd|fcntl|poll|time|apr_(thread_\w+|file_io
    |network_io|poll|shm|global_mutex|proc_mutex))\.h$|^sys/(?!types\.h)}x;

my (@rooms, @levels, @foreign, @own_first);
for my $path (c_files()) {
    my ($room, $file) = $path =~ m{^src/(\w+)/([^/]+)$};
    my $text = text_of($path);
    my @ours = $text =~ /^\s*#\s*include\s+"([^"]+)"/mg;
    my @theirs = $text =~ /^\s*#\s*include\s+<([^>]+)>/mg;

    for my $include (@ours) {
        my ($to) = $include =~ m{^(\w+)/[^/]+\.h$};
        if ($include eq 'mod_eventstream.h') {
            push @levels, "$path: $include"
                if defined $room && $room !~ /^(http|glue)$/;
        } elsif (!defined $to || !-f srcdir() . "/src/$include") {
            push @rooms, "$path: \"$include\" is not a header in src/";
        } elsif (defined $room
            && !grep { $_ eq $to } @{$may_see{$room} || []}) {
            push @levels, "$path: $room may not see $include";
        }
    }
    next if !defined $room;
    for my $include (@theirs) {
        push @levels, "$path: $room may not know httpd (<$include>)"
            if $include =~ $httpd && $room !~ /^(http|glue)$/;
        push @levels, "$path: base is pure (<$include>)"
            if $include =~ $impure && $room eq 'base';
        for my $library (sort keys %doors) {
            my ($header, $door) = @{$doors{$library}};
            push @foreign, "$path: $library has another door"
                if $include =~ $header && $file !~ $door;
        }
    }
    # es_client.c may start with es_client_inner.h, which has es_client.h
    (my $own = "$room/$file") =~ s/\.[ch]$//;
    push @own_first, "$path: its first include is not \"$own.h\""
        if $path =~ /\.c$/ && -f srcdir() . "/src/$own.h"
            && (!@ours || $ours[0] !~ /^\Q$own\E(_inner)?\.h$/);
}

complain('an include line of ours names the room', @rooms);
complain('includes go down or stay level', @levels);
complain('foreign libraries enter through their door', @foreign);
complain('a file includes its own header first', @own_first);
done_testing;
