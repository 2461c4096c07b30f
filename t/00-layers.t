#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
#
# Include lines go down or stay level; layers below server know no httpd; each
# foreign library has its door.

use strict;
use warnings;
use FindBin;
use lib "$FindBin::Bin/lib";
use Test::More;

use EventStream::Source;

my %may_see = (
    base => [qw(base)],
    shm => [qw(shm base)],
    journal => [qw(journal shm base)],
    cluster => [qw(cluster journal shm base)],
    deliver => [qw(deliver journal shm base)],
    grip => [qw(grip journal shm base)],
    server => [qw(server deliver grip cluster journal shm base)],
    http => [qw(http server deliver grip cluster journal shm base)],
    config => [qw(config http server deliver grip cluster journal shm base)],
);

# library => [its headers, files that may include them]
my %doors = (
    libjwt => [qr/^jwt\.h$/, qr/^jwt\.c$/],
    libcrypto => [qr/^openssl\//, qr/^pem\.c$/],
    libcurl => [qr/^curl\//, qr/^client\.c$/],
    Redis => [qr/^(hiredis|valkey)\b/, qr/^redis\.c$/],
    jansson => [qr/^jansson\.h$/,
        qr{^(body_items|body_json|instruct|jwk|status)\.c$}],
);

my $httpd = qr/^(httpd|http_\w+|ap_\w+|util_\w+|mpm_common|scoreboard|mod_\w+
    |unixd)\.h$/x;
my $impure = qr{^(pthread|signal|unistd|fcntl|poll|time|apr_(thread_\w+|file_io
    |network_io|poll|shm|global_mutex|proc_mutex))\.h$|^sys/(?!types\.h)}x;

# base does nothing but compute; what touches the system is in these files
my $touches = qr/^(clock|sigblock|thread)\.[ch]$/;

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
                if defined $room && $room !~ /^(server|http|config)$/;
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
            if $include =~ $httpd && $room !~ /^(server|http|config)$/;
        push @levels, "$path: base is pure (<$include>)"
            if $include =~ $impure && $room eq 'base' && $file !~ $touches;
        for my $library (sort keys %doors) {
            my ($header, $door) = @{$doors{$library}};
            push @foreign, "$path: $library has another door"
                if $include =~ $header && $file !~ $door;
        }
    }
    # client.c may start with client_priv.h, which has client.h
    (my $own = "$room/$file") =~ s/\.[ch]$//;
    push @own_first, "$path: its first include is not \"$own.h\""
        if $path =~ /\.c$/ && -f srcdir() . "/src/$own.h"
            && (!@ours || $ours[0] !~ /^\Q$own\E(_priv)?\.h$/);
}

complain('an include line of ours names the room', @rooms);
complain('includes go down or stay level', @levels);
complain('foreign libraries enter through their door', @foreign);
complain('a file includes its own header first', @own_first);
done_testing;
