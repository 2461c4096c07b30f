# SPDX-License-Identifier: Apache-2.0
package EventStream::Background;

=head1 NAME

EventStream::Background - work in another process while the test goes on

=head1 SYNOPSIS

    use EventStream::Background;    # exports all functions below

    my $answer = publish_in_background($httpd, 'news', 'hello');
    ...                             # while it waits
    is $answer->()->{status}, 200, 'publishing gets 200';

=head1 FUNCTIONS

=over

=item in_background(\&work)

Runs work in another process. Returns a function that waits for its end and
returns what it returned (data that JSON can hold), or undef if it died.

=item publish_in_background(@arguments)

EventStream::Client::publish with its arguments. The function that it returns
returns status, body and retry (the header Retry-After) of the answer.

=item publish_until_stopped($name, $pause, @servers)

Publishes the events "${name}1", "${name}2" and so on in the channel news, one
after the other with this pause in seconds, each to the next one of the servers.
Each has an id of its own, and is sent until it is acknowledged or 40 s are
over. Returns a function that stops this and returns all that was published.

=back

=cut

use strict;
use warnings;

use Exporter 'import';
use IO::Select;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

use EventStream::Client;

our @EXPORT =
    qw(in_background publish_in_background publish_until_stopped);

sub in_background
{
    my ($work) = @_;
    pipe my $from, my $to or die "pipe: $!";
    my $pid = fork;
    die "fork: $!" if !defined $pid;
    if ($pid == 0) {
        close $from;
        print {$to} JSON::PP::encode_json($work->());
        close $to;
        POSIX::_exit(0);
    }
    close $to;
    return sub {
        local $/;
        my $text = <$from>;
        waitpid $pid, 0;
        return $text ? JSON::PP::decode_json($text) : undef;
    };
}

sub publish_in_background
{
    my @arguments = @_;
    return in_background(sub {
        my $got = publish(@arguments, timeout => 30);
        return {
            status => $got->{status}, body => $got->{body},
            retry => $got->{headers}{'retry-after'}};
    });
}

sub publish_one
{
    my ($name, $number, @servers) = @_;
    my $until = time + 40;
    while (time < $until) {
        my $answer = eval {
            publish($servers[0], 'news', "$name$number",
                id => "$name-$number", timeout => 3)
        };
        return if $answer && $answer->{status} == 200;
        push @servers, shift @servers;
        sleep 0.05;
    }
    return;
}

sub publish_until_stopped
{
    my ($name, $pause, @servers) = @_;
    pipe my $stop, my $stopper or die "pipe: $!";
    my $count = in_background(sub {
        close $stopper;
        my $number = 0;
        until (IO::Select->new($stop)->can_read($pause)) {
            publish_one($name, ++$number, @servers);
            push @servers, shift @servers;
        }
        return [$number];
    });
    close $stop;
    return sub {
        syswrite $stopper, 'x';
        return map { "$name$_" } 1 .. $count->()->[0];
    };
}

1;
